/* SPDX-License-Identifier: GPL-3.0-or-later */
/* egg: programs that home hosts fetch, or hand out, as bots do: under a false name or type, from a bare address, over
 * TFTP or a naked connection, on an order, right after somebody connected to them. Pure; runs in the engine.
 * docs/egg.md has the weights' background. */
#include "detect/egg.h"

#include <errno.h>

#include "decode/magic.h"

#define SOFT_ORDERED 100 /* people may have caused it */
#define LIGHT_TYPE   300 /* hundredths: a text's type for a program without a telling name */

const struct evidence_kind egg_kinds[EGG_KINDS] = {
        [EGG_DISGUISED] = {.name = "egg.disguised",
                           .title = "a program under a false name or type",
                           .reason =
                                   "Called or declared a picture, sound, film or document, it is a program by its "
                                   "first bytes: no server does that by mistake (many sensors). 10.0; 9.0 for a text's "
                                   "name, 4.0 for an archive, 3.0 for a program that is merely declared as text.",
                           .stage = STAGE_EGG,
                           .weight = 1000,
                           .cap = 1200,
                           .half_life = EGG_DAY},
        [EGG_BARE] = {.name = "egg.bare_address",
                      .title = "a program from a bare address",
                      .reason = "Who publishes software has a name; droppers have an address. 5.0, with a port that is "
                                "none of the web's 7.0, a script 3.0: below suspect, since local mirrors and "
                                "administrators do it, too.",
                      .stage = STAGE_EGG,
                      .weight = 500,
                      .cap = 800,
                      .half_life = EGG_DAY},
        [EGG_CHANNEL] = {.name = "egg.channel",
                         .title = "a program over TFTP or a naked connection",
                         .reason =
                                 "From outside the home network, or from a home host that got a program as eggs come "
                                 "in the day before: TFTP (9.0) boots machines at home and nowhere else; worms fetch "
                                 "themselves by it (Blaster 2003). A connection that begins with a program (7.0) is a "
                                 "dropper's, or somebody's by hand.",
                         .stage = STAGE_EGG,
                         .weight = 900,
                         .cap = 900,
                         .half_life = EGG_DAY},
        [EGG_ORDERED] =
                {.name = "egg.ordered",
                 .title = "a program fetched on an order",
                 .reason = "Its URL stood in an order over IRC at most five minutes before (many sensors: "
                           "dialogs 2 and 4): 15.0; 1.0, once in 12 hours, if the order could be meant for people's "
                           "bots, or somebody writes or follows links here. A link in people's talk is none.",
                 .stage = STAGE_EGG,
                 .weight = 1500,
                 .cap = 1500,
                 .half_life = EGG_DAY},
        [EGG_AFTER_INBOUND] =
                {.name = "egg.after_inbound",
                 .title = "somebody outside connected, then a program came",
                 .reason = "BotHunter (Gu 2007): inbound exploit, then the egg. Within 30 s: 10.0 when it "
                           "comes from who connected (6.0 if that has a name), 9.0 when it was pushed in by "
                           "the connection itself, 4.5 from elsewhere, and that only on a host that hardly "
                           "anybody connects to; with a bare address still below suspect.",
                 .stage = STAGE_INFECT,
                 .weight = 1000,
                 .cap = 1000,
                 .half_life = EGG_DAY},
        [EGG_SERVED] = {.name = "egg.served",
                        .title = "this host hands out programs as infected ones do",
                        .reason =
                                "An infected host serves its egg to those that it infects (BotHunter; Sasser 2004). To "
                                "three or more outside within a day, not on a web server's port; to anybody, at home "
                                "as well and over FTP, if it got a program as eggs come in the day before.",
                        .stage = STAGE_EGG,
                        .weight = 900,
                        .cap = 1000,
                        .half_life = EGG_DAY},
};

static void put_text(struct evidence *e, const char *key, struct slice text)
{
        char copy[FACT_TEXT_MAX];
        uint32_t n = MIN(text.len, (uint32_t) sizeof(copy) - 1);

        if (!n)
                return;
        for (uint32_t i = 0; i < n; i++)
                copy[i] = text.p[i] ? text.p[i] : '?';
        copy[n] = '\0';
        (void) evidence_fact_text(e, key, copy);
}

static void begin(const struct event *e, enum egg_kind kind, int32_t weight, struct evidence *ret)
{
        const struct file_event *f = &e->file;

        *ret = (struct evidence){
                .kind = &egg_kinds[kind], .weight = weight, .first = e->time, .last = e->time, .count = 1};
        detector_host_subject(&f->ends.local, &ret->subject);
        (void) evidence_fact_endpoint(ret, "peer", &f->ends.remote, f->ends.remote_port, f->ends.proto);
        (void) evidence_fact_text(ret, "what", file_kind_title(f->kind));
        (void) evidence_fact_text(ret, "how", file_how_name(f->how));
        put_text(ret, "file", f->name);
        put_text(ret, "host", f->host);
        if (f->size != UINT64_MAX && f->size <= INT64_MAX)
                (void) evidence_fact_number(ret, "bytes", (int64_t) f->size);
        evidence_add_ref(ret, f->ends.flow_id);
}

/* A claim on a program that came in. */
static void claim_got(struct egg *s, const struct evidence *e, struct evidence_sink *out)
{
        struct detector_key key = detector_host_key(&e->subject.addr);
        struct egg_serving *h = e->weight >= EGG_INFECTED ? table_insert(s->serving, &key, NULL) : NULL;

        if (h)
                h->infected = e->last;
        out->emit(out->userdata, e);
}

static bool is_binary(uint8_t kind)
{
        return magic_is_program(kind) && kind != FILE_SCRIPT;
}

/* What a program is never called: a picture, a film, a document. Documents of some kinds are archives themselves, with
 * a Java archive's parts in them. */
static bool is_false(uint8_t kind, enum file_kind promised)
{
        return promised == FILE_IMAGE || promised == FILE_MEDIA ||
               (promised == FILE_DOCUMENT && kind != FILE_ARCHIVE && kind != FILE_JAR);
}

static int32_t disguise(const struct file_event *f, enum file_kind name, enum file_kind type)
{
        if (f->kind == FILE_ARCHIVE)
                return is_false(f->kind, name) && (type == FILE_UNKNOWN || is_false(f->kind, type)) ? 400 : 0;
        if (is_false(f->kind, name) || is_false(f->kind, type))
                return 1000;
        /* Scripts are text. */
        if (!is_binary(f->kind))
                return 0;
        if (name == FILE_TEXT)
                return 900;
        return type == FILE_TEXT && name == FILE_UNKNOWN ? LIGHT_TYPE : 0;
}

static void look_disguised(struct egg *s, const struct event *e, struct evidence_sink *out)
{
        const struct file_event *f = &e->file;
        struct slice type = {f->type, f->type ? f->type_len : 0};
        enum file_kind by_name = magic_promised_by_name(f->name), by_type = magic_promised_by_type(type);
        int32_t weight = disguise(f, by_name, by_type);
        struct evidence ev;

        if (!weight)
                return;
        begin(e, EGG_DISGUISED, weight, &ev);
        put_text(&ev, "type", type);
        if (by_name != FILE_UNKNOWN)
                (void) evidence_fact_text(&ev, "name_promises", file_kind_title(by_name));
        if (by_type != FILE_UNKNOWN)
                (void) evidence_fact_text(&ev, "type_promises", file_kind_title(by_type));
        claim_got(s, &ev, out);
}

/* Is the name that the server was called by an address, or none at all (HTTP/1.0 by hand)? */
static bool is_bare(struct slice host)
{
        char text[ADDR_TEXT_MAX];
        struct addr a;
        uint32_t n = host.len;

        if (n == 0)
                return true;
        if (host.p[0] == '[')
                return true;
        for (uint32_t i = 0; i < n; i++)
                if (host.p[i] == ':')
                        n = i;
        if (n == 0 || n >= sizeof(text))
                return false;
        memcpy(text, host.p, n);
        text[n] = '\0';
        return addr_parse(text, &a) == 0;
}

static bool is_web_port(uint16_t port)
{
        static const uint16_t ports[] = {80, 81, 443, 3128, 8000, 8008, 8080, 8081, 8088, 8443, 8888};

        for (size_t i = 0; i < ELEMENTSOF(ports); i++)
                if (port == ports[i])
                        return true;
        return false;
}

static void look_origin(struct egg *s, const struct event *e, struct evidence_sink *out)
{
        const struct file_event *f = &e->file;
        struct evidence ev;

        if (f->how == FILE_TFTP || f->how == FILE_RAW) {
                begin(e, EGG_CHANNEL, f->how == FILE_TFTP ? 900 : 700, &ev);
                claim_got(s, &ev, out);
        } else if (f->how == FILE_HTTP && f->ends.origin != FLOW_ACCEPTED && is_bare(f->host)) {
                int32_t weight = !is_binary(f->kind) ? 300 : is_web_port(f->ends.remote_port) ? 500 : 700;

                begin(e, EGG_BARE, weight, &ev);
                claim_got(s, &ev, out);
        }
}

static void look_ordered(struct egg *s, const struct event *e, struct evidence_sink *out)
{
        bool soft = false;
        const struct egg_url *u = egg_heard_url(s, e, &soft);
        struct evidence ev;

        if (!u)
                return;
        begin(e, EGG_ORDERED, soft ? SOFT_ORDERED : egg_kinds[EGG_ORDERED].weight, &ev);
        (void) evidence_fact_text(&ev, "order", u->order);
        (void) evidence_fact_time(&ev, "order_time", u->time);
        (void) evidence_fact_span(&ev, "reaction", e->time - u->time);
        evidence_add_ref(&ev, u->flow_id);
        claim_got(s, &ev, out);
}

/* Who answers a request from outside, a build machine for one, asks a server by its name; an intruder's egg lies at his
 * address. */
static int32_t inbound_weight(const struct file_event *f, bool pushed, bool same)
{
        if (pushed)
                return 900;
        if (!same)
                return 450;
        return f->how == FILE_HTTP && !is_bare(f->host) ? 600 : 1000;
}

static void look_inbound(struct egg *s, const struct event *e, struct evidence_sink *out)
{
        const struct file_event *f = &e->file;
        const struct egg_inbound *in = NULL;
        bool same = false, pushed = f->ends.origin == FLOW_ACCEPTED && (f->how == FILE_RAW || f->how == FILE_TFTP);
        int i = -1;
        struct evidence ev;

        /* FTP's data connections come from outside by design; HTTP that came from outside is an upload to a server. */
        if (!pushed && (f->how == FILE_FTP || f->ends.origin == FLOW_ACCEPTED))
                return;
        if (!pushed && (i = egg_heard_inbound(s, e, &same, &in)) < 0)
                return;
        begin(e, EGG_AFTER_INBOUND, inbound_weight(f, pushed, same), &ev);
        if (i >= 0) {
                (void) evidence_fact_endpoint(&ev, "inbound", &in->peers[i].addr, 0, f->ends.proto);
                (void) evidence_fact_number(&ev, "inbound_port", in->peers[i].port);
                (void) evidence_fact_span(&ev, "after", e->time - in->peers[i].time);
                evidence_add_ref(&ev, in->peers[i].flow_id);
        }
        claim_got(s, &ev, out);
}

/* Did the home host get a program as eggs come, in the day before? */
static bool is_infected(const struct egg_serving *h, nsec_t now)
{
        return h && h->infected && now - h->infected <= EGG_DAY;
}

/* A home host that is infected hands its egg to others at home. */
static bool is_from_infected(const struct egg *s, const struct event *e)
{
        struct detector_key key = detector_host_key(&e->file.ends.remote);

        return table_count(s->serving) && is_infected(table_peek(s->serving, &key), e->time);
}

/* The home host hands a program to somebody. Offices have servers for that, at home and on the web's ports; a host that
 * got an egg itself has no such excuse. */
static void serve(struct egg *s, const struct event *e, bool outside, struct evidence_sink *out)
{
        const struct file_event *f = &e->file;
        bool server = f->ends.origin == FLOW_ACCEPTED, infected;
        struct detector_key key = detector_host_key(&f->ends.local);
        struct egg_serving *h = table_find(s->serving, &key);
        struct evidence ev;

        infected = is_infected(h, e->time);
        if (!is_binary(f->kind) || (f->how == FILE_HTTP && !server) ||
            (!infected && (!outside || f->how == FILE_FTP || (server && is_web_port(f->ends.local_port)))))
                return;
        h = h ? h : table_insert(s->serving, &key, NULL);
        if (!h)
                return;
        if (!h->n || e->time - h->since > EGG_DAY) {
                h->since = e->time;
                h->n = 0;
        }
        for (unsigned i = 0; i < h->n; i++)
                if (addr_equal(&h->receivers[i], &f->ends.remote))
                        return;
        if (h->n < EGG_RECEIVERS)
                h->receivers[h->n++] = f->ends.remote;
        if (h->n < (infected ? 1 : EGG_LEAST) || (h->claimed && e->time - h->claimed < EGG_HOUR))
                return;
        h->claimed = e->time;
        begin(e, EGG_SERVED, egg_kinds[EGG_SERVED].weight, &ev);
        (void) evidence_fact_number(&ev, "receivers", h->n);
        (void) evidence_fact_span(&ev, "within", e->time - h->since);
        if (infected)
                (void) evidence_fact_time(&ev, "infected", h->infected);
        if (server)
                (void) evidence_fact_number(&ev, "port", f->ends.local_port);
        out->emit(out->userdata, &ev);
}

static void file_event(struct egg *s, const struct event *e, struct evidence_sink *out)
{
        const struct file_event *f = &e->file;
        bool outside = !(f->ends.flags & ENDS_BOTH_HOME) && !home_has(s->home, &f->ends.remote);
        /* Asked of a proxy at home, which got it from outside. */
        bool proxied = f->how == FILE_HTTP && f->name.len > 7 && strncasecmp(f->name.p, "http://", 7) == 0;

        if (!f->ends.from_local)
                egg_heard_click(s, e);
        if (!magic_is_program(f->kind) && f->kind != FILE_ARCHIVE)
                return;
        if (f->ends.from_local) {
                serve(s, e, outside, out);
                return;
        }
        look_disguised(s, e, out);
        if (f->kind == FILE_ARCHIVE)
                return;
        look_ordered(s, e, out);
        if (outside || proxied || is_from_infected(s, e))
                look_origin(s, e, out);
        if (outside)
                look_inbound(s, e, out);
}

static void egg_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct egg *s = state;

        if (e->type == EVENT_FILE)
                file_event(s, e, out);
        else if (e->type == EVENT_FLOW)
                egg_heard_flow(s, e);
        else if (e->type == EVENT_IRC)
                egg_heard_line(s, e);
}

static void egg_free(void *state)
{
        struct egg *s = state;

        if (!s)
                return;
        table_free(s->inbound);
        table_free(s->told);
        table_free(s->serving);
        home_free(s->home);
        free(s);
}

static void freep_egg(struct egg **s)
{
        egg_free(*s);
}

static int new_table(const char *name, uint32_t cap, size_t size, struct table **ret)
{
        return table_new(&(struct table_params){.name = name,
                                                .cap = cap,
                                                .key_size = sizeof(struct detector_key),
                                                .entry_size = (uint16_t) size},
                         ret);
}

static int egg_new(const struct detector_params *params, void **ret)
{
        _cleanup_(freep_egg)
        struct egg *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        if ((r = home_new(&params->config->home, &s->home)) < 0 ||
            (r = new_table("egg inbound", EGG_INBOUND, sizeof(struct egg_inbound), &s->inbound)) < 0 ||
            (r = new_table("egg urls", EGG_TOLD, sizeof(struct egg_told), &s->told)) < 0 ||
            (r = new_table("egg servers", EGG_SERVING, sizeof(struct egg_serving), &s->serving)) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

const struct detector detector_egg = {
        .name = "egg",
        .help = "programs fetched or handed out as bots do: false names, bare addresses, on an order, after an "
                "intrusion",
        .source = "Watanabe (RIKEN): ways to fight malware; Gu et al.: BotHunter (USENIX Security 2007)",
        .limits = "Only what is not encrypted, and the first bytes of it: an encrypted or packed egg is no program to "
                  "see. Of archives only Java's are known to hold programs.",
        .events = 1u << EVENT_FILE | 1u << EVENT_FLOW | 1u << EVENT_IRC,
        .kinds = egg_kinds,
        .n_kinds = EGG_KINDS,
        .new = egg_new,
        .free = egg_free,
        .event = egg_event,
        .explain = egg_explain,
};
