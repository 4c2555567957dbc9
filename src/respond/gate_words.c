/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of the mail gate. English ones for reasons stand in model/gate.c, since detectors tell them too. Used by
 * the engine, the keeper and the command line. */
#include "respond/gate_words.h"

#include <stdlib.h>
#include <string.h>

#define JA GATE_NOTIFY_JA
#define EN GATE_NOTIFY_EN

static const char *const words[GATE_NOTIFY_LANGUAGES][GATE_WORDS] = {
        [EN] = {[GATE_WORD_TITLE] = "Mail was stopped: {program}",
                [GATE_WORD_STARTED_BY] = "Started by: {chain}",
                [GATE_WORD_TIMES] = "{n} attempts so far",
                [GATE_WORD_BLOCK] = "Block this program",
                [GATE_WORD_ALLOW_ONCE] = "Allow once"},
        [JA] = {[GATE_WORD_TITLE] = "メールの送信を止めました: {program}",
                [GATE_WORD_STARTED_BY] = "起動元: {chain}",
                [GATE_WORD_TIMES] = "これまでに {n} 回",
                [GATE_WORD_BLOCK] = "このプログラムを遮断",
                [GATE_WORD_ALLOW_ONCE] = "一度だけ許可"},
};

static const char *const actions[GATE_NOTIFY_LANGUAGES][GATE_ACTIONS] = {
        [EN] = {"allowed", "refused", "would refuse", "noticed"},
        [JA] = {"許可", "拒否", "拒否予定", "検出"},
};

static const char *const whys_ja[GATE_WHYS] = {
        [GATE_WHY_NONE] = "理由は記録されていません",
        [GATE_WHY_PERSON] = "直前に人が操作しました",
        [GATE_WHY_AGAIN] = "人が求めた送信の続きです",
        [GATE_WHY_SENDER] = "送信元として登録されています",
        [GATE_WHY_ONCE] = "手動で一度だけ許可されました",
        [GATE_WHY_OPEN] = "ゲートが開けられていました",
        [GATE_WHY_PROGRAM] = "メールソフトではありません",
        [GATE_WHY_SUBMITTER] = "メールソフトから起動されていない送信プログラムです",
        [GATE_WHY_FOREIGN] = "外部のコードが読み込まれているか、追跡されています",
        [GATE_WHY_SESSION] = "人のログインセッションに属していません",
        [GATE_WHY_REMOTE] = "離れた場所からの操作で、その送信は許可されていません",
        [GATE_WHY_INACTIVE] = "そのセッションは現在使われていません",
        [GATE_WHY_LOCKED] = "画面がロックされています",
        [GATE_WHY_LAUNCHER] = "信頼できるデスクトップ、端末、シェルから起動されていません",
        [GATE_WHY_BROKER] = "サービスから起動され、デスクトップはそれを求めていません",
        [GATE_WHY_TERMINAL] = "人の前にある端末で動いていません",
        [GATE_WHY_BACKGROUND] = "端末のフォアグラウンドで動いていません",
        [GATE_WHY_INJECTED] = "別のプログラムが端末に文字を送り込みました",
        [GATE_WHY_GESTURE] = "マウスにもキーボードにも触れられていません",
        [GATE_WHY_TYPED] = "端末で何も入力されていません",
        [GATE_WHY_FOCUS] = "別のプログラムのウィンドウにフォーカスがあります",
        [GATE_WHY_USED] = "その操作ではすでに送信されています",
        [GATE_WHY_SPENT] = "許可は使い切られています",
        [GATE_WHY_UNLABELLED] = "どこから起動されたか記録されていません",
        [GATE_WHY_BLOCKED] = "遮断されています",
};

/* {to} is the server or peer, {with} what was handed to or touched. */
static const char *const tries[GATE_NOTIFY_LANGUAGES][GATE_TRIES] = {
        [EN] = {[GATE_TRY_NONE] = "did something that is not known",
                [GATE_TRY_CONNECT] = "tried to connect to mail server {to}",
                [GATE_TRY_HANDOVER] = "tried to hand mail to this machine's own mail server{with}",
                [GATE_TRY_ASK] = "asked for a mail program's window{with}",
                [GATE_TRY_PACKET] = "tried to send packets past its sockets to mail server {to}",
                [GATE_TRY_MARK] = "tried to forge the mark of the gate's permit",
                [GATE_TRY_TAMPER] = "reached for the gate's own parts in the kernel{with}",
                [GATE_TRY_BLOCKED] = "tried to reach {to} although it is blocked",
                [GATE_TRY_INJECT] = "pushed bytes into a terminal as if they had been typed{with}"},
        [JA] = {[GATE_TRY_NONE] = "不明な動作をしました",
                [GATE_TRY_CONNECT] = "メールサーバー {to} に接続しようとしました",
                [GATE_TRY_HANDOVER] = "このマシンのメールサーバー{with}にメールを渡そうとしました",
                [GATE_TRY_ASK] = "メールソフトのウィンドウ{with}を開くよう求めました",
                [GATE_TRY_PACKET] = "メールサーバー {to} にソケットの許可なくパケットを送ろうとしました",
                [GATE_TRY_MARK] = "ゲートの許可の印を偽造しようとしました",
                [GATE_TRY_TAMPER] = "カーネル内のゲートの部品{with}に触れました",
                [GATE_TRY_BLOCKED] = "遮断中に {to} と通信しようとしました",
                [GATE_TRY_INJECT] = "人が入力したかのように端末{with}に文字を送り込みました"},
};

/* {why} */
static const char *const outcomes[GATE_NOTIFY_LANGUAGES][GATE_ACTIONS] = {
        [EN] = {", and was allowed: {why}", ", and was refused: {why}", ", and would be refused: {why}", ""},
        [JA] = {"。許可しました: {why}", "。拒否しました: {why}", "。本来は拒否されます: {why}", ""},
};

enum gate_notify_language gate_words_language(void)
{
        static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *value = getenv(names[i]);

                if (!value || !*value)
                        continue;
                return strncmp(value, "ja", 2) == 0 && strchr("_.@", value[2]) ? JA : EN;
        }
        return EN;
}

static enum gate_notify_language known(enum gate_notify_language l)
{
        return l == JA ? JA : EN;
}

const char *gate_words(enum gate_notify_language l, enum gate_word w)
{
        return w < GATE_WORDS ? words[known(l)][w] : "";
}

const char *gate_words_action(enum gate_notify_language l, unsigned action)
{
        return action < GATE_ACTIONS ? actions[known(l)][action] : "?";
}

const char *gate_words_why(enum gate_notify_language l, unsigned reason)
{
        if (known(l) == EN || reason >= GATE_WHYS)
                return gate_why_title(reason);
        return whys_ja[reason];
}

/* The text before the braces, `text` in their place, the rest. */
static void fill(struct buf *out, const char *pattern, const char *text, size_t size)
{
        const char *open = strchr(pattern, '{'), *close = open ? strchr(open, '}') : NULL;

        if (!close) {
                (void) buf_puts(out, pattern);
                return;
        }
        (void) buf_put(out, pattern, (size_t) (open - pattern));
        (void) buf_put_visible(out, text, strnlen(text, size));
        (void) buf_puts(out, close + 1);
}

void gate_words_fill(struct buf *out, enum gate_notify_language l, enum gate_word w, const char *text)
{
        fill(out, gate_words(l, w), text, strlen(text));
}

static void put_end(const struct gate_entry *e, enum gate_notify_language l, char *ret, size_t size)
{
        char addr[ADDR_TEXT_MAX];
        const char *who = addr_is_unspecified(&e->remote) ? "" : addr_format(&e->remote, addr);

        if (l == JA)
                snprintf(ret, size, "%s (ポート %u)", who, e->port);
        else
                snprintf(ret, size, "%s%sport %u", who, *who ? " " : "at ", e->port);
}

void gate_words_put_try(struct buf *out, enum gate_notify_language l, const struct gate_entry *e)
{
        const char *pattern = tries[known(l)][e->op < GATE_TRIES ? e->op : GATE_TRY_NONE];
        char text[sizeof(e->text) + ADDR_TEXT_MAX + 64] = "";

        if (strstr(pattern, "{to}"))
                put_end(e, known(l), text, sizeof(text));
        else if (e->text[0])
                snprintf(text, sizeof(text), " (%.*s)", (int) sizeof(e->text), e->text);
        fill(out, pattern, text, sizeof(text));
}

void gate_words_put_all(struct buf *out, enum gate_notify_language l, const struct gate_entry *e)
{
        gate_words_put_try(out, l, e);
        fill(out, outcomes[known(l)][gate_action(e->op, e->reason, e->denied)], gate_words_why(l, e->reason), 256);
}

static void put_number(struct buf *out, enum gate_notify_language l, uint32_t n, const char *en, const char *ja)
{
        if (n < 2)
                return;
        if (l == JA)
                (void) buf_printf(out, "、%s %u", ja, n);
        else
                (void) buf_printf(out, ", %u %s", n, en);
}

void gate_words_put_counts(struct buf *out, enum gate_notify_language l, const struct gate_entry *e)
{
        char span[CLOCK_TEXT_MAX];

        if (e->count < 2)
                return;
        clock_format_span(e->last > e->first ? e->last - e->first : 0, span);
        if (known(l) == JA)
                (void) buf_printf(out, "%s の間に %u 回", span, e->count);
        else
                (void) buf_printf(out, "%u times in %s", e->count, span);
        put_number(out, known(l), e->peers, "servers", "サーバー");
        put_number(out, known(l), e->processes, "processes", "プロセス");
}
