/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mail gate's log: an entry per burst, renewed while the burst goes on. Written by the engine, read by the command
 * line. */
#include <errno.h>

#include "store/store_internal.h"

enum {
        AT_TIME,
        AT_LAST,
        AT_OP,
        AT_REASON,
        AT_DENIED,
        AT_LEARN,
        AT_PID,
        AT_START,
        AT_ASKER,
        AT_ASKER_START,
        AT_UID,
        AT_EXE_DEV,
        AT_EXE_INO,
        AT_KINDS,
        AT_REMOTE,
        AT_PORT,
        AT_PROTO,
        AT_COUNT,
        AT_PEERS,
        AT_PROCESSES,
        AT_PROGRAM,
        AT_CHAIN,
        AT_TEXT,
        AT_ID, /* the writer's only */
};

static void bind_text(sqlite3_stmt *st, int at, const char *text, size_t size)
{
        sqlite3_bind_text64(st, at + 1, text, strnlen(text, size), SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_entry(sqlite3_stmt *st, const struct gate_entry *e)
{
        const struct {
                int at;
                int64_t n;
        } numbers[] = {
                {AT_TIME, e->first},
                {AT_LAST, e->last},
                {AT_OP, e->op},
                {AT_REASON, e->reason},
                {AT_DENIED, e->denied},
                {AT_LEARN, e->learn},
                {AT_PID, e->task.pid},
                {AT_START, (int64_t) e->task.leader_start},
                {AT_ASKER, e->asker.pid},
                {AT_ASKER_START, (int64_t) e->asker.leader_start},
                {AT_UID, e->uid},
                {AT_EXE_DEV, e->exe_dev},
                {AT_EXE_INO, (int64_t) e->exe_ino},
                {AT_KINDS, e->kinds},
                {AT_PORT, e->port},
                {AT_PROTO, e->proto},
                {AT_COUNT, e->count},
                {AT_PEERS, e->peers},
                {AT_PROCESSES, e->processes},
        };

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                sqlite3_bind_int64(st, numbers[i].at + 1, numbers[i].n);
        if (!addr_is_unspecified(&e->remote))
                sqlite3_bind_blob(st, AT_REMOTE + 1, e->remote.b, sizeof(e->remote.b), SQLITE_STATIC);
        bind_text(st, AT_PROGRAM, e->program, sizeof(e->program));
        bind_text(st, AT_CHAIN, e->chain, sizeof(e->chain));
        bind_text(st, AT_TEXT, e->text, sizeof(e->text));
}

static int put(struct store *s, int64_t *id, const struct gate_entry *e)
{
        int r;

        if (*id) {
                sqlite3_stmt *st = s->statements[STORE_RENEW_GATE];

                bind_entry(st, e);
                sqlite3_bind_int64(st, AT_ID + 1, *id);
                r = store_step(s, st);
                if (r < 0 || sqlite3_changes(s->db) > 0)
                        return r;
        }
        /* New, or gone meanwhile: with a batch that found no room, or with what was too old. */
        bind_entry(s->statements[STORE_PUT_GATE], e);
        r = store_step(s, s->statements[STORE_PUT_GATE]);
        if (r == 0)
                *id = sqlite3_last_insert_rowid(s->db);
        return r;
}

int store_put_gate(struct store *s, int64_t *id, const struct gate_entry *e)
{
        int r = store_write_begin(s);

        return r < 0 ? r : store_write_end(s, put(s, id, e));
}

static struct task get_task(sqlite3_stmt *st, int pid, int start)
{
        struct task t = {.pid = store_get_u32(st, pid), .start = (uint64_t) sqlite3_column_int64(st, start)};

        t.tid = t.pid;
        t.leader_start = t.start;
        return t;
}

static void get_entry(sqlite3_stmt *st, struct gate_entry *ret)
{
        *ret = (struct gate_entry){
                .first = sqlite3_column_int64(st, AT_TIME),
                .last = sqlite3_column_int64(st, AT_LAST),
                .op = (uint8_t) store_get_enum(st, AT_OP, GATE_TRIES),
                .reason = (uint8_t) store_get_enum(st, AT_REASON, GATE_WHYS),
                .denied = sqlite3_column_int(st, AT_DENIED) != 0,
                .learn = sqlite3_column_int(st, AT_LEARN) != 0,
                .task = get_task(st, AT_PID, AT_START),
                .asker = get_task(st, AT_ASKER, AT_ASKER_START),
                .uid = store_get_u32(st, AT_UID),
                .exe_dev = store_get_u32(st, AT_EXE_DEV),
                .exe_ino = (uint64_t) sqlite3_column_int64(st, AT_EXE_INO),
                .kinds = store_get_u32(st, AT_KINDS),
                .port = (uint16_t) store_get_enum(st, AT_PORT, UINT16_MAX + 1),
                .proto = (uint8_t) store_get_enum(st, AT_PROTO, UINT8_MAX + 1),
                .count = store_get_u32(st, AT_COUNT),
                .peers = store_get_u32(st, AT_PEERS),
                .processes = store_get_u32(st, AT_PROCESSES),
        };
        store_copy_blob(st, AT_REMOTE, ret->remote.b, sizeof(ret->remote.b));
        store_copy_text(st, AT_PROGRAM, ret->program, sizeof(ret->program));
        store_copy_text(st, AT_CHAIN, ret->chain, sizeof(ret->chain));
        store_copy_text(st, AT_TEXT, ret->text, sizeof(ret->text));
}

int store_gate_each(struct store *s, nsec_t since, int (*each)(void *userdata, const struct gate_entry *e),
                    void *userdata)
{
        sqlite3_stmt *st = NULL;
        int r = 0, step = SQLITE_DONE;

        if (s->schema < 3)
                return 0;
        if (sqlite3_prepare_v2(s->db,
                               "SELECT time, last, op, reason, denied, learn, pid, start, asker, asker_start, uid,"
                               " exe_dev, exe_ino, kinds, remote, port, proto, count, peers, processes, program, chain,"
                               " text FROM gate WHERE last >= ?1 ORDER BY time, id",
                               -1, &st, NULL) != SQLITE_OK)
                return store_error(s->db);
        sqlite3_bind_int64(st, 1, since);
        while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
                struct gate_entry e;

                get_entry(st, &e);
                r = each(userdata, &e);
        }
        if (r == 0 && step != SQLITE_DONE)
                r = store_error(s->db);
        sqlite3_finalize(st);
        return r;
}
