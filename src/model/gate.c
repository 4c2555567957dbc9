/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of what the mail gate says, for JSON and for people. Used by every process. */
#include "model/gate.h"

#include "base/cleanup.h"

static const char *const tries[GATE_TRIES] = {"none", "connect", "handover", "ask",   "packet",
                                              "mark", "tamper",  "blocked",  "inject"};
static const char *const actions[GATE_ACTIONS] = {"allowed", "denied", "would_deny", "seen"};
const char *const gate_is_names[GATE_IS_COUNT] = {"desktop", "terminal", "shell",           "door",      "remote",
                                                  "broker",  "mailer",   "terminal_mailer", "submitter", "sender",
                                                  "ask",     "wrapper",  "mail_server"};
static const struct {
        const char *name, *title;
} whys[GATE_WHYS] = {
        [GATE_WHY_NONE] = {"none", "no reason was given"},
        [GATE_WHY_PERSON] = {"person", "a person had just asked for it"},
        [GATE_WHY_AGAIN] = {"same_attempt", "it belongs to the attempt that a person asked for"},
        [GATE_WHY_SENDER] = {"declared_sender", "it is a declared sender"},
        [GATE_WHY_ONCE] = {"allowed_once", "it was allowed once by hand"},
        [GATE_WHY_OPEN] = {"open", "the gate was open"},
        [GATE_WHY_PROGRAM] = {"no_mail_program", "it is no mail program"},
        [GATE_WHY_SUBMITTER] = {"no_mail_program_behind", "it hands mail on, and no mail program had started it"},
        [GATE_WHY_FOREIGN] = {"foreign_code", "foreign code was loaded into it, or it is traced"},
        [GATE_WHY_SESSION] = {"no_session", "it belongs to no session of a person"},
        [GATE_WHY_REMOTE] = {"remote_person", "the person is elsewhere, and that is not allowed"},
        [GATE_WHY_INACTIVE] = {"session_inactive", "its session is not the active one"},
        [GATE_WHY_LOCKED] = {"screen_locked", "the screen is locked"},
        [GATE_WHY_LAUNCHER] = {"no_launcher", "no desktop, terminal or shell that is trusted had started it"},
        [GATE_WHY_BROKER] = {"unasked_service", "a service had started it, and no desktop had asked for that"},
        [GATE_WHY_TERMINAL] = {"no_terminal", "it has no terminal that a person sits at"},
        [GATE_WHY_BACKGROUND] = {"background", "it is not in the foreground of its terminal"},
        [GATE_WHY_INJECTED] = {"injected_input", "another program had pushed bytes into its terminal"},
        [GATE_WHY_GESTURE] = {"no_gesture", "nobody had touched mouse or keyboard"},
        [GATE_WHY_TYPED] = {"nothing_typed", "nothing had been typed in its terminal"},
        [GATE_WHY_FOCUS] = {"no_focus", "another program's window had the focus"},
        [GATE_WHY_USED] = {"gesture_used", "that press of a key or button had sent a mail before"},
        [GATE_WHY_SPENT] = {"permit_spent", "its permit was used up"},
        [GATE_WHY_UNLABELLED] = {"unknown_origin", "where it comes from was not recorded"},
        [GATE_WHY_BLOCKED] = {"blocked", "it is blocked"},
};

const char *gate_try_name(unsigned op)
{
        return op < GATE_TRIES ? tries[op] : "?";
}

const char *gate_why_name(unsigned reason)
{
        return reason < GATE_WHYS ? whys[reason].name : "?";
}

const char *gate_why_title(unsigned reason)
{
        return reason < GATE_WHYS ? whys[reason].title : "?";
}

const char *gate_action_name(unsigned action)
{
        return action < GATE_ACTIONS ? actions[action] : "?";
}

bool gate_is_attempt(unsigned op)
{
        return op == GATE_TRY_CONNECT || op == GATE_TRY_HANDOVER || op == GATE_TRY_PACKET;
}

enum gate_action gate_action(unsigned op, unsigned reason, bool denied)
{
        if (denied)
                return GATE_DENIED;
        if (!gate_is_attempt(op))
                return GATE_SEEN;
        return reason >= GATE_WHY_REFUSED ? GATE_WOULD_DENY : GATE_ALLOWED;
}
