/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to the engine's parts: engine.c (life and loop), engine_tell.c (what is found goes out), engine_eve.c (the
 * EVE file), engine_store.c (the store, and what it gives back at a start), engine_profile.c (profiles in it),
 * engine_gate.c (what the mail gate decided), engine_config.c (reading it again), engine_scan.c (the answer of `scan`),
 * engine_mail.c (the postman's records), engine_source.c (what is read), engine_status.c (counters, live line, control
 * socket). */
#ifndef SEKIMORI_DAEMON_ENGINE_INTERNAL_H
#define SEKIMORI_DAEMON_ENGINE_INTERNAL_H

#include "base/log.h"
#include "daemon/engine.h"
#include "daemon/msg.h"
#include "daemon/talkers.h"
#include "store/store.h"
#include "verdict/analysis.h"
#include "view/text.h"

#define ENGINE_CLIENTS  4
#define ENGINE_NOTE_MAX 1024

struct engine_counts {
        uint64_t events[EVENT_TYPES];
        uint64_t claims, excepted, changes;
        uint64_t gaps[GAP_REASONS]; /* what was lost, by reason */
        uint64_t eve_lost, journal_lost, bad_messages;
};

struct engine_client {
        int fd;       /* -1: free */
        nsec_t since; /* boot time */
};

struct engine_eve {
        int fd;         /* -1: none */
        struct buf out; /* lines on their way */
        bool torn;      /* the file ends within a line whose rest stands first in `out` */
        bool failing;
        uint64_t lost_before; /* when it began to fail */
};

struct engine_keeper {
        struct store *store;
        bool dirty;        /* something was written since the last commit */
        bool failing;      /* the last commit or write failed */
        bool told;         /* and that was said */
        nsec_t told_at;    /* boot time */
        uint64_t attempts; /* writes that only tried whether there is room again: no loss */
};

struct engine {
        const struct engine_params *params;
        const struct daemon_params *daemon;
        struct config *reloaded; /* the configuration in force when it was read again; else NULL */
        const struct config *config;
        struct engine_slot {
                struct engine *engine;
                enum source_slot slot;
                const struct source *source; /* NULL: none */
                void *state;                 /* NULL: not started */
                char note[MSG_TEXT_MAX];     /* what it is, for people; "": nothing */
        } slots[SLOTS];
        struct analysis *analysis;
        struct {
                struct ruleset *now;            /* in force; NULL: none */
                struct engine_loading *loading; /* NULL: none are being loaded */
                uint32_t reloads;
        } rules;
        struct talkers *talkers;
        struct engine_gate *gate;
        struct engine_mail *mail;
        struct engine_keeper keeper;
        struct engine_eve eve;
        struct buf line; /* for JSON on the way out */
        int journal_fd, statm_fd, clock_fd;
        struct engine_client clients[ENGINE_CLIENTS];
        uint8_t boot_id[16];
        struct engine_counts counts;
        uint64_t gap_untold[GAP_REASONS];
        nsec_t gap_tell_at[GAP_REASONS]; /* boot time from which the next is printed */
        struct text_look look;
        enum level worst; /* reached by any subject so far */
        nsec_t started;   /* boot time: this engine */
        nsec_t drained;   /* boot time of the last look into the source */
        nsec_t skew_told; /* how far the wall clock was set, as far as it was told */
        nsec_t next_second, next_retain, next_status, next_live;
        uint64_t last_events; /* for the rate in the live line */
        bool stopping, live_shown, tty;
        char note[ENGINE_NOTE_MAX]; /* of the sandbox */
};

/* engine_tell.c */
void engine_on_event(void *userdata, const struct event *ev);
void engine_on_claim(void *userdata, const struct evidence *merged, const struct config_exception *exception,
                     const struct verdict *before, const struct verdict *after);
void engine_gap(struct engine *e, enum gap_reason reason, uint64_t lost, const char *text);
void engine_print(struct engine *e, const char *format, ...) _printf_(2, 3);
/* log_write(), with the live line out of its way. */
void engine_log(struct engine *e, enum log_level level, const char *format, ...) _printf_(3, 4);
/* An entry for a change of level; also to a journal that was started anew. The same results as alarm.h's. */
int engine_tell_journal(struct engine *e, const struct verdict *before, const struct verdict *after, const char *story);
void engine_log_lines(struct engine *e, enum log_level level, const char *text); /* each line by itself */

/* engine_eve.c */
int engine_eve_open(struct engine *e); /* also again, after a rotation. 0, or negative errno: told by the caller */
/* Takes e->line, and empties it. `found`: it is no mere event. */
void engine_eve_put(struct engine *e, bool found);
void engine_eve_flush(struct engine *e);
void engine_eve_close(struct engine *e);

/* engine_store.c */
int engine_store_open(struct engine *e);
void engine_store_check(struct engine *e, int r); /* the result of a write */
void engine_store_commit(struct engine *e);
/* Takes this boot's evidence back, and tells the time nobody watched. */
void engine_store_resume(struct engine *e);
uint64_t engine_store_lost(const struct engine *e);
void engine_store_close(struct engine *e);
/* A copy whose times, those among its facts too, are the wall clock's: for the store and for people. */
struct evidence engine_store_outward(const struct evidence *in);

/* engine_profile.c */
/* Profiles that changed a minute ago, or all; a bounded number of them. */
void engine_profile_store(struct engine *e, bool all);
void engine_profile_resume(struct engine *e);

/* engine_gate.c */
int engine_gate_new(struct engine *e);
void engine_gate_event(struct engine *e, const struct event *ev);
/* Once in a while: what changed is stored, what rested is over. */
void engine_gate_tick(struct engine *e, nsec_t now);
void engine_gate_free(struct engine *e); /* before the store is closed */

/* engine_mail.c */
int engine_mail_new(struct engine *e);
void engine_mail_take(struct engine *e, struct source_fds *fds); /* a new postman's descriptor */
int engine_mail_fd(const struct engine *e);                      /* -1: none */
void engine_mail_serve(struct engine *e);                        /* its questions */
/* What it was told is stored is not: it is sent away, and the next one finds those mails in their folders. */
void engine_mail_drop(struct engine *e);
void engine_mail_event(struct engine *e, const struct event *ev);
void engine_mail_syn(struct engine *e, const struct os_syn *syn);
void engine_mail_status(const struct engine *e, struct buf *out);
void engine_mail_free(struct engine *e); /* before the store is closed */

/* engine_config.c */
void engine_config_check(struct engine *e); /* says what is named in it and does not exist */
/* Reads it again. true: e->config is the new one, and *ret_old (may be NULL) to be freed once nothing uses it. */
bool engine_config_load(struct engine *e, struct config **ret_old);
void engine_config_reload(struct engine *e);

/* engine_rules.c */
void engine_rules_start(struct engine *e);  /* before the sandbox closes */
void engine_rules_reload(struct engine *e); /* begins; the configuration stays until it is done */
void engine_rules_tick(struct engine *e);   /* what was loaded comes into force */
void engine_rules_wait(struct engine *e);
void engine_rules_free(struct engine *e); /* after the sources have stopped */
void engine_rules_status(const struct engine *e, struct buf *out);

/* engine_scan.c */
void engine_scan_report(struct engine *e);

/* engine_source.c */
int engine_source_start(struct engine *e);
/* What they are, as the warden says; and that with what the sandbox is, a line each. */
void engine_source_note(struct engine *e);
void engine_source_put_note(const struct engine *e, struct buf *out);
/* An answer to what a source asked for. A refusal comes without descriptors: it may ask again. */
void engine_source_answer(struct engine *e, const struct msg *m, struct source_fds *fds);
void engine_source_renew(struct engine *e, const struct msg *m, struct source_fds *fds);

/* engine_status.c */
void engine_status_json(struct engine *e, struct buf *out);
void engine_live_line(struct engine *e);
void engine_clear_live_line(struct engine *e);
void engine_accept(struct engine *e);
void engine_serve(struct engine *e, struct engine_client *c);
void engine_expire_clients(struct engine *e, nsec_t now);

#endif
