/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rule in the language of Snort and Suricata, understood: what parsing makes and what matching reads. Plain data; a
 * rule is never changed after it was made. Semantics: the Suricata 7 user guide, "Rules Format"; differences are listed
 * in docs/rules.md. Pure. Runs in the engine and in `read`. */
#ifndef SEKIMORI_RULES_RULE_H
#define SEKIMORI_RULES_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/event.h"

/* Limits of one rule; beyond, it is not loaded and `rules check` says why. */
#define RULE_TEXT_MAX    (64u << 10) /* bytes of its line(s) */
#define RULE_STEPS_MAX   64          /* conditions on bytes, of all its parts */
#define RULE_TESTS_MAX   32          /* conditions on the packet and the flow */
#define RULE_BITS_MAX    32
#define RULE_CONTENT_MAX 8192 /* bytes of one content */
#define RULE_VARS_MAX    16   /* byte_extract, byte_math: names */

/* In the order in which they are obeyed: a pass ends the looking. Not inline: drop and reject only alert. */
enum rule_action { RULE_PASS, RULE_DROP, RULE_REJECT, RULE_ALERT };

#define BUFFER(name, ...) BUFFER_##name,
enum rule_buffer {
#include "rules/buffers.def"
        BUFFERS
};
#undef BUFFER
_Static_assert(BUFFERS <= 64, "sets of buffers are masks");
#define BUFFER_BIT(b) (UINT64_C(1) << (b))

enum buffer_direction { BUFFER_TO_SERVER = 1, BUFFER_TO_CLIENT = 2, BUFFER_TO_BOTH = 3 };
struct buffer_kind {
        const char *name;  /* the sticky buffer; "" for the payload */
        const char *older; /* the modifier; "" for none */
        const char *title; /* for people */
        uint8_t app;       /* enum app; APP_UNKNOWN: any */
        uint8_t direction; /* enum buffer_direction */
        bool grows;        /* comes in pieces */
};
extern const struct buffer_kind buffer_kinds[BUFFERS];

/* Addresses or ports: sorted ranges that neither overlap nor touch, both ends in; negation is already carried out.
 * IPv4 is v4-mapped, so `any` is one range over everything. */
struct rule_range_addr {
        struct addr from, to;
};
struct rule_range_port {
        uint16_t from, to;
};
struct rule_end {
        const struct rule_range_addr *addrs;
        const struct rule_range_port *ports;
        uint32_t n_addrs;
        uint32_t n_ports;
        bool any_addr, any_port;
};

/* ---- conditions on bytes, in the order written; "relative" is to where the last match in this buffer ended ---- */

enum step_kind {
        STEP_CONTENT,
        STEP_PCRE,
        STEP_ISDATAAT,
        STEP_BYTE_TEST,
        STEP_BYTE_JUMP,
        STEP_BYTE_EXTRACT,
        STEP_BYTE_MATH,
        STEP_BSIZE, /* also urilen, of its buffer */
        STEP_ASN1,
};

/* A number, or the variable that byte_extract or byte_math filled earlier in the same rule. */
struct rule_number {
        int32_t value;
        int8_t var; /* index; -1: the value */
};

enum content_flag {
        CONTENT_NOCASE = 1 << 0,
        CONTENT_NEGATED = 1 << 1,
        CONTENT_OFFSET = 1 << 2, /* offset was given (startswith: offset 0, depth = length) */
        CONTENT_DEPTH = 1 << 3,
        CONTENT_DISTANCE = 1 << 4, /* with WITHIN: relative to the last match */
        CONTENT_WITHIN = 1 << 5,
        CONTENT_ENDS = 1 << 6, /* endswith: the last bytes of the buffer */
        CONTENT_FAST = 1 << 7, /* fast_pattern: the prefilter should look for this one */
        CONTENT_FAST_ONLY = 1 << 8,
        CONTENT_RAW = 1 << 9,     /* rawbytes: accepted, no meaning here */
        CONTENT_STARTS = 1 << 10, /* startswith was written */
};
struct rule_content {
        const uint8_t *bytes;
        uint16_t len;
        uint16_t fast_offset, fast_len;                     /* fast_pattern:offset,len; len 0: the whole */
        struct rule_number offset, depth, distance, within; /* as written: depth counts from the offset */
};

enum pcre_flag {
        PCRE_RELATIVE = 1 << 0,
        PCRE_NEGATED = 1 << 1,
};
struct rule_pcre {
        const char *pattern; /* between the slashes, NUL-terminated; for explain */
        void *code;          /* pcre2_code *, compiled, JIT where it can be; owned by the rule's set */
};

struct rule_isdataat {
        struct rule_number at;
        bool relative, negated, raw;
};

enum number_op {
        NUMBER_EQ,
        NUMBER_NE,
        NUMBER_LT,
        NUMBER_GT,
        NUMBER_LE,
        NUMBER_GE,
        NUMBER_AND, /* byte_test &: any of these bits */
        NUMBER_OR,  /* byte_test ^ */
        NUMBER_IN,  /* a <> b: between, both ends out, as Suricata does */
};
enum byte_flag {
        BYTE_RELATIVE = 1 << 0,
        BYTE_LITTLE = 1 << 1,
        BYTE_STRING = 1 << 2,
        BYTE_ALIGN = 1 << 3, /* byte_jump, byte_extract: to the next multiple of 4 (extract: of `align`) */
        BYTE_FROM_BEGINNING = 1 << 4,
        BYTE_FROM_END = 1 << 5,
        BYTE_NEGATED = 1 << 6,    /* byte_test: !op */
        BYTE_DCE = 1 << 7,        /* byte order of the DCE/RPC header at hand */
        BYTE_ALL_DIGITS = 1 << 8, /* of STRING: `count` is the most; fewer where the buffer ends */
};
struct rule_byte {
        struct rule_number count; /* bytes to read. 0: byte_jump, none, it jumps by post_offset */
        struct rule_number offset;
        struct rule_number value; /* test: compared with; math: operand. As uint32_t */
        int32_t post_offset;
        uint32_t multiplier; /* 1 when not given */
        uint32_t bitmask;    /* 0: none; the result is shifted right by its trailing zeros */
        uint16_t flags;      /* enum byte_flag */
        uint8_t base;        /* of STRING: 8, 10, 16 */
        uint8_t op;          /* enum number_op; math: the character + - * / < > */
        uint8_t var;         /* extract, math: the variable that is filled */
        uint8_t align;
};

struct rule_size {      /* bsize, urilen */
        uint8_t op;     /* enum number_op; IN: a < size < b for urilen, a <= size <= b for bsize: see docs/rules.md */
        bool inclusive; /* of IN */
        uint32_t a, b;
};

struct rule_step {
        uint8_t kind;   /* enum step_kind */
        uint16_t flags; /* enum content_flag or pcre_flag by kind */
        union {
                struct rule_content content;
                struct rule_pcre pcre;
                struct rule_isdataat isdataat;
                struct rule_byte byte;
                struct rule_size size;
        };
};

enum part_flag {
        PART_DOTPREFIX = 1 << 0, /* transforms: a dot is put before the buffer */
        PART_LOWERCASE = 1 << 1,
        PART_UPPERCASE = 1 << 2,
        PART_COMPRESS_WHITESPACE = 1 << 3,
        PART_STRIP_WHITESPACE = 1 << 4,
        PART_URL_DECODE = 1 << 5,
        PART_SHA1 = 1 << 6,
        PART_SHA256 = 1 << 7,
        PART_MD5 = 1 << 8,
};
/* What must hold in one buffer. A buffer that comes several times in a transaction (dns.query) has a part for each time
 * that its keyword was written. Steps of one part are matched together, with backtracking as Suricata does it: when a
 * later relative step fails, the earlier content is looked for again further on. */
struct rule_part {
        uint8_t buffer; /* enum rule_buffer */
        uint16_t flags; /* enum part_flag, carried out in the order of the bits */
        uint16_t n_steps;
        const struct rule_step *steps;
};

/* ---- conditions on the packet and on the flow ---- */

enum test_kind {
        TEST_TCP_FLAGS, /* a: flags, b: mask of those looked at; op: EQ exactly, AND (+) all of them, OR (*) any;
                           negated */
        TEST_DSIZE,
        TEST_TTL,
        TEST_TOS,
        TEST_ID,
        TEST_IP_PROTO,
        TEST_FRAGBITS, /* a: M=1 D=2 R=4; op as of TCP_FLAGS */
        TEST_FRAGOFFSET,
        TEST_SAMEIP,
        TEST_IPOPTS, /* a: the option's type; b: 1: any option */
        TEST_GEOIP,  /* not honoured: kept for the reason */
        TEST_SEQ,
        TEST_ACK,
        TEST_WINDOW,
        TEST_MSS,
        TEST_ITYPE,
        TEST_ICODE,
        TEST_ICMP_ID,
        TEST_ICMP_SEQ,
        TEST_CSUM,         /* a: protocol: 4, 6, 17, 1, 58 as IPv4, TCP, UDP, ICMP, ICMPv6; b: 1 must be valid */
        TEST_STREAM_SIZE,  /* b: enum stream_size_side; bytes of the stream so far */
        TEST_APP,          /* a: enum app, or APP_TEST_FAILED; b: 0 not said, 1 to_server, 2 to_client, 3 either,
                            * 4 final */
        TEST_STREAM_EVENT, /* a: enum rule_event */
        TEST_APP_EVENT,
        TEST_DECODE_EVENT,
        TEST_SSL_VERSION, /* a: mask of versions: bit 0 SSLv2, 1 SSLv3, 2 TLS 1.0 … 5 TLS 1.3 */
        TEST_SSL_STATE,   /* a: mask: 1 client_hello 2 server_hello 4 client_keyx 8 server_keyx 16 unknown */
        TEST_KINDS
};
#define APP_TEST_FAILED 256 /* of TEST_APP: nobody recognised the protocol, and nobody will */
enum stream_size_side { STREAM_SIZE_SERVER, STREAM_SIZE_CLIENT, STREAM_SIZE_BOTH, STREAM_SIZE_EITHER };
struct rule_test {
        uint8_t kind; /* enum test_kind */
        uint8_t op;   /* enum number_op */
        bool negated;
        uint32_t a, b;
};

/* What streams, decoders and content may say happened; a rule with an event that we do not know is not loaded. */
#define RULE_EVENTS(X)                                                                                                 \
        X(STREAM_REASSEMBLY_GAP, "stream", "reassembly_seq_gap")                                                       \
        X(STREAM_OVERLAP_DIFFERENT, "stream", "reassembly_overlap_different_data")                                     \
        X(STREAM_NO_REASSEMBLY, "stream", "reassembly_no_segment")                                                     \
        X(APP_WRONG_DIRECTION, "applayer", "applayer_wrong_direction_first_data")                                      \
        X(APP_ONE_DIRECTION, "applayer", "applayer_detect_protocol_only_one_direction")                                \
        X(APP_MISMATCH, "applayer", "applayer_mismatch_protocol_both_directions")
enum rule_event {
#define X(name, ...) RULE_EVENT_##name,
        RULE_EVENTS(X)
#undef X
                RULE_EVENTS_KNOWN
};

enum flow_test {
        FLOW_TO_SERVER = 1 << 0,
        FLOW_TO_CLIENT = 1 << 1,
        FLOW_ESTABLISHED = 1 << 2,
        FLOW_NOT_ESTABLISHED = 1 << 3,
        FLOW_STATELESS = 1 << 4,
        FLOW_ONLY_STREAM = 1 << 5,
        FLOW_NO_STREAM = 1 << 6,
        FLOW_ONLY_FRAG = 1 << 7,
        FLOW_NO_FRAG = 1 << 8,
};

enum bit_kind { BIT_FLOW, BIT_INT, BIT_X, BIT_HOST };
enum bit_op {
        BIT_SET,
        BIT_UNSET,
        BIT_TOGGLE,
        BIT_ISSET,
        BIT_ISNOTSET,
        /* flowint */
        BIT_ADD,
        BIT_SUB,
        BIT_COMPARE, /* by `compare` */
        BIT_ASSIGN,
        BIT_DEFINED,
        BIT_NOT_DEFINED,
};
enum bit_track { TRACK_FLOW, TRACK_SRC, TRACK_DST, TRACK_PAIR, TRACK_RULE };
#define BIT_NAMES_MAX 8
struct rule_bit {
        uint8_t kind;                  /* enum bit_kind */
        uint8_t op;                    /* enum bit_op */
        uint8_t track;                 /* enum bit_track */
        uint8_t compare;               /* enum number_op */
        uint8_t n_names;               /* isset,a|b: any of them; ISNOTSET: not all; see docs/rules.md */
        uint32_t names[BIT_NAMES_MAX]; /* numbers of names in their set, from 0, per kind */
        uint32_t value;
        uint32_t value_name; /* flowint: compared with, or assigned from another one; UINT32_MAX: the value */
        uint32_t expire;     /* xbits: seconds */
};

enum threshold_kind {
        THRESHOLD_NONE,
        THRESHOLD_LIMIT,
        THRESHOLD_THRESHOLD,
        THRESHOLD_BOTH,
        THRESHOLD_FILTER /* detection_filter */,
        THRESHOLD_BACKOFF
};
enum threshold_unique { UNIQUE_NONE, UNIQUE_SRC_PORT, UNIQUE_DST_PORT };
struct rule_threshold {
        uint8_t kind;   /* enum threshold_kind */
        uint8_t track;  /* enum bit_track */
        uint8_t unique; /* enum threshold_unique: detection_filter, unique_on */
        uint32_t count, seconds, multiplier;
};

/* Of threshold.config: alerts of this rule about these addresses are not given. */
struct rule_suppress {
        uint8_t track; /* TRACK_SRC, TRACK_DST, TRACK_PAIR: either of both; TRACK_RULE: all alerts */
        uint32_t n_addrs;
        const struct rule_range_addr *addrs;
};
/* Of threshold.config, rate_filter: after `count` matches within `seconds` the action is another for `timeout`. */
struct rule_rate {
        bool given;
        uint8_t track;  /* enum bit_track */
        uint8_t action; /* enum rule_action */
        uint32_t count, seconds, timeout;
};

/* metadata, references: pairs of words */
struct rule_word {
        const char *key, *value;
};

enum rule_flag {
        RULE_BIDIRECTIONAL = 1 << 0, /* <> */
        RULE_NOALERT = 1 << 1,
        RULE_ONLY_PACKET =
                1 << 2, /* tcp-pkt, or what it asks for is a packet's: dsize, flags … without stream content */
        RULE_ONLY_STREAM = 1 << 3, /* tcp-stream, flow:only_stream */
        RULE_ALSO_PACKET = 1 << 4, /* of TCP: contents with offset or depth look at packets and at the stream */
        RULE_ONLY_V4 = 1 << 5,
        RULE_ONLY_V6 = 1 << 6,
        RULE_TARGET_SRC = 1 << 7,
        RULE_TARGET_DST = 1 << 8,
        RULE_PREFILTER = 1 << 9, /* prefilter; was written: no meaning here */
        RULE_IP_ONLY = 1 << 10,  /* only addresses: once per flow and direction, as Suricata's IP-only rules */
        RULE_APP_ONLY = 1 << 12, /* app-layer-protocol and nothing of packets: once per direction when it is known */
        RULE_VICTIM_SENDER = 1 << 11, /* of rules/stage.h: who sends what matches was attacked */
};

struct rule {
        uint32_t sid, gid, rev;
        uint32_t index; /* in its set */
        const char *msg;
        const char *class_name, *class_title; /* NULL: none */
        uint32_t priority;                    /* 1 is highest; of the class, or written */
        uint8_t action;                       /* enum rule_action */
        uint8_t proto;                        /* IPPROTO_*; 0: ip (any); ICMP is ICMPv6 too, unless RULE_ONLY_V4 */
        uint8_t app;                          /* enum app asked for, in the header or by a buffer; APP_UNKNOWN: none */
        uint32_t flags;                       /* enum rule_flag */
        uint32_t flow;                        /* enum flow_test */
        struct rule_end src, dst;
        const struct rule_test *tests;
        const struct rule_part *parts; /* one per buffer, the payload's first where there is one */
        const struct rule_bit *bits;   /* conditions first, then what is done on a match */
        uint16_t n_tests, n_parts, n_bits, n_bit_conditions;
        uint8_t n_vars;
        struct rule_threshold threshold;
        struct rule_rate rate;
        const struct rule_suppress *suppress;
        uint16_t n_suppress;
        const struct rule_word *metadata, *references;
        uint16_t n_metadata, n_references;
        const char *file; /* where it stands */
        uint32_t line;
        const char *text; /* as written, one line */
        /* From rules/stage.h: what a match says of a host. */
        uint8_t stage;   /* enum stage + 1; 0: it weighs nothing */
        uint16_t weight; /* hundredths, as evidence */
};

#endif
