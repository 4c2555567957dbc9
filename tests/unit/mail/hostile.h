/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hostile headers: the forms of servers with everything in them that a client chooses, and texts for it that imitate
 * the same forms. The server is taken to be the worst there is: it copies what it is told without looking at it. */
#ifndef SEKIMORI_TEST_MAIL_HOSTILE_H
#define SEKIMORI_TEST_MAIL_HOSTILE_H

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "mail/received.h"

#define HOSTILE_PEER "198.51.100.77" /* who really spoke to the server */
#define HOSTILE_FAKE "192.0.2.66"    /* whom the client wants to be believed */

enum hostile_gap { /* what the client chooses; in a form: $ and the letter */
                   GAP_HELO,
                   GAP_RDNS,
                   GAP_IDENT,
                   GAP_SENDER,
                   GAP_RECIPIENT,
                   GAP_USER,
                   GAP_CERTIFICATE,
                   GAPS
};

struct hostile_form {
        const char *text; /* $P is the peer's address */
        bool believed;    /* filled with honest words, the peer is believed */
};

static const char hostile_letters[] = "HRIEFAC";

static const char *const hostile_honest[GAPS] = {"mail.example.org", "host-77.example.net", "bob",
                                                 "a@example.org",    "victim@example.com",  "alice",
                                                 "mail.example.org"};

#define HOSTILE_DATE "Tue, 15 Aug 2023 10:11:12 +0200"

static const struct hostile_form hostile_forms[] = {
        /* Postfix */
        {"from $H ($R [$P])\r\n\tby mx.example.com (Postfix) with ESMTP id 4RkXyz\r\n\tfor <$F>; " HOSTILE_DATE
         " (CEST)",
         true},
        {"from $H (unknown [$P]) by mx.example.com (Postfix) with SMTP id 4RkXyz; " HOSTILE_DATE, true},
        {"from $H ($R [$P]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)) (Client CN \"$C\", "
         "Issuer "
         "\"R3\" (verified OK)) by mx.example.com (Postfix) with ESMTPS id 4RkXyz for <$F>; " HOSTILE_DATE,
         true},
        {"from $H ($R [$P]) (Authenticated sender: $A) by mx.example.com (Postfix) with ESMTPSA id 4RkXyz for "
         "<$F>; " HOSTILE_DATE,
         true},
        /* Sendmail */
        {"from $H ($R [$P]) by mx.example.com (8.17.1/8.17.1) with ESMTP id 37F8BC for <$F>; " HOSTILE_DATE, true},
        {"from $H ($R [$P] (may be forged)) by mx.example.com (8.17.1/8.17.1) with ESMTP id 37F8BC; " HOSTILE_DATE,
         true},
        {"from $H (IDENT:$I@$R [$P]) by mx.example.com (8.9.3/8.9.3) with ESMTP id MAA27173 for <$F>; " HOSTILE_DATE,
         true},
        {"from $H ([$P]) by mx.example.com (8.17.1/8.17.1) with ESMTP id 37F8BC for <$F>; " HOSTILE_DATE, true},
        {"from $H ($I@[$P]) by mx.example.com (8.12.5/8.12.5) with ESMTP id g6O3; " HOSTILE_DATE
         " (CDT) (envelope-from $E)",
         true},
        {"from $H ($R [$P]) (authenticated bits=0) by mx.example.com (8.14.4/8.14.4) with ESMTP id 37F8 (version=TLSv1 "
         "cipher=X bits=256 verify=NO) for <$F>; " HOSTILE_DATE,
         true},
        /* Exim */
        {"from $R ([$P]:45678 helo=$H)\r\n\tby mx.example.com with esmtps (TLS1.3) tls "
         "TLS_AES_256_GCM_SHA384\r\n\t(Exim "
         "4.94.2)\r\n\t(envelope-from <$E>)\r\n\tid 1mABCD-0001Ab-Cd\r\n\tfor $F; " HOSTILE_DATE,
         true},
        {"from $R ([$P] helo=$H ident=$I) by mx.example.com with esmtp (Exim 4.96) (envelope-from <$E>) id 1mA for "
         "$F; " HOSTILE_DATE,
         true},
        {"from [$P] (helo=$H) by mx.example.com with esmtp (Exim 4.63) (envelope-from <$E>) id 1mA for "
         "$F; " HOSTILE_DATE,
         true},
        {"from [$P] (helo=$H ident=$I) by mx.example.com with esmtp (Exim 4.63) id 1mA for $F; " HOSTILE_DATE, true},
        {"from [$P] (port=4711 helo=$H) by mx.example.com with esmtpa (Exim 4.93) id 1mA; " HOSTILE_DATE, true},
        {"from $R ([$P]) by mx.example.com with esmtp (Exim 4.96) (envelope-from <$E>) id 1mA for $F; " HOSTILE_DATE,
         true},
        {"from $R ($H) [$P] ($I) by mx.example.com with esmtp (Exim 3.35 #1 (Debian)) id 1mA for $F; " HOSTILE_DATE,
         true},
        {"from ($H) [$P] by mx.example.com with smtp (Exim 3.12 #1) id 15F0; " HOSTILE_DATE, true},
        /* qmail, netqmail */
        {"from $R (HELO $H) ($P) by mx.example.com with SMTP; 3 Sep 2019 10:00:00 -0000", true},
        {"from unknown (HELO $H) ($P)\r\n  by mx.example.com with SMTP; 3 Sep 2019 10:00:00 -0000", true},
        {"from $R (HELO $H) ($I@$P) by mx.example.com with (AES256-SHA encrypted) ESMTPA; 3 Sep 2019 10:00:00 -0000",
         true},
        {"from $R ($P) by mx.example.com with SMTP; 3 Sep 2019 10:00:00 -0000", true},
        {"from unknown (HELO $H) ([$P]) (envelope-sender <$E>) by mx.example.com (qmail-ldap-1.03) with SMTP for <$F>; "
         "28 Nov "
         "2003 20:44:45 -0000",
         true},
        /* Exchange, SMTPSVC */
        {"from $H ([$P]) by mx.example.com with Microsoft SMTPSVC(6.0.3790.3959);\r\n\t " HOSTILE_DATE, true},
        {"from $H ([$P] RDNS failed) by mx.example.com with Microsoft SMTPSVC(6.0.3790.0); " HOSTILE_DATE, true},
        {"from $H - $P by mx.example.com with Microsoft SMTPSVC(5.5.1775.675.6); " HOSTILE_DATE, true},
        {"from $H ($P) by EX01.example.com (10.0.0.5) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id "
         "15.1.2308.8 via "
         "Frontend Transport; " HOSTILE_DATE,
         true},
        {"from $H ($P) by EX01.example.com (10.0.0.5) with Microsoft SMTP Server (TLS) id 8.3.342.0; " HOSTILE_DATE,
         true},
        {"from $H ([$P]) by EX01.example.com ([10.0.0.5]) with mapi id 15.01; " HOSTILE_DATE, true},
        {"from $H ($R [$P]) by mx.example.com with SMTP (Microsoft Exchange Internet Mail Service Version 5.5.2653.13) "
         "id "
         "3WYKVP0L; " HOSTILE_DATE,
         true},
        {"from $H by mx.example.com with SMTP (Microsoft Exchange Internet Mail Service Version 5.0.1459.74) id "
         "K6S3; " HOSTILE_DATE,
         false},
        /* Gmail, Yahoo, GMX, iCloud */
        {"from $H ($R. [$P]) by mx.google.com with ESMTPS id a1 for <$F> (version=TLS1_3 cipher=X "
         "bits=256/256); " HOSTILE_DATE,
         true},
        {"from $H ([$P]) by mx.google.com with SMTPS id a1 for <$F> (Google Transport Security); " HOSTILE_DATE, true},
        {"from $P  (EHLO $H) ($P) by mta1.mail.bf1.yahoo.com with SMTPS; " HOSTILE_DATE, true},
        {"from 127.0.0.1  (EHLO $H) ($P) by mta1.mail.bf1.yahoo.com with SMTPS; " HOSTILE_DATE, true},
        {"from $P (EHLO $H) by 10.253.60.123 with SMTPs (version=TLS1_2 cipher=X); " HOSTILE_DATE, true},
        {"from unknown (HELO $H) ($A@$P with login) by smtp1.mail.yahoo.com with SMTP; 3 Aug 2009 14:11:22 -0000",
         true},
        {"from $R (EHLO $H) [$P] by mail.gmx.net (mp033) with SMTP; 23 Nov 2012 19:06:20 +0100", true},
        {"from $H ($R [$P]) by ms1.me.com (Oracle Communications Messaging Server 8.1.0.1 64bit (built Jan 11 2021)) "
         "with "
         "ESMTPS id <x@y> for $F; " HOSTILE_DATE,
         true},
        /* CommuniGate */
        {"from [$P] (HELO $H) by mx.example.com (CommuniGate Pro SMTP 6.2.12) with ESMTPS id 1 for $F; " HOSTILE_DATE,
         true},
        {"from $H ([$P] verified) by mx.example.com (CommuniGate Pro SMTP 5.4.1) with ESMTP id 1; " HOSTILE_DATE, true},
        {"from [$P] (account $A HELO $H) by mx.example.com (CommuniGate Pro SMTP 5.4.1) with ESMTPSA id "
         "1; " HOSTILE_DATE,
         true},
        /* Domino, Zimbra, Courier, OpenSMTPD */
        {"from $H ([$P]) by notes.example.com (Lotus Domino Release 8.5.3FP6) with ESMTP id 2013-1 ; " HOSTILE_DATE,
         true},
        {"from $R (LHLO $H) ($P) by mbox.example.com with LMTP; " HOSTILE_DATE, true},
        {"from $H ($R [::ffff:$P]) (AUTH: LOGIN $A, TLS: TLSv1,256bits,X) by mx.example.com with esmtps; " HOSTILE_DATE
         " id 1",
         true},
        {"from $H (softdnserr [::ffff:$P]) (IDENT: $I, TLS: TLSv1) by mx.example.com with esmtp; " HOSTILE_DATE " id 1",
         true},
        {"from $H ($R [$P]) by mx.example.com (OpenSMTPD) with ESMTPS id 1 (TLSv1.3:X:256:NO) for <$F>; " HOSTILE_DATE,
         true},
        {"from $H ($R [$P]) by mx.example.com (OpenSMTPD) with ESMTPSA id 1 (TLSv1.3:X:256:NO) auth=yes user=$A for "
         "<$F>; " HOSTILE_DATE,
         true},
        /* ZMailer, MX Logic */
        {"from $R ([$P]:59214 \"EHLO $H\" rhost-flags-OK-OK-FAIL-FAIL) by mx.example.com with ESMTP id S1 (ORCPT "
         "<rfc822;$F>); " HOSTILE_DATE,
         true},
        {"from unknown [$P] (EHLO $H) by mx.example.com(mxl_mta-8.5.0-3) with ESMTP id 1; " HOSTILE_DATE, true},
        /* Only what the client said */
        {"from $H by mx.example.com (MDaemon PRO v9.0.1) with ESMTP id md5.msg for <$F>; " HOSTILE_DATE, false},
        {"from $H ($R [$P]) by mx.example.com (MDaemon PRO v13.0.0) with ESMTP id md5.msg for <$F>; " HOSTILE_DATE,
         false},
        {"from $H by mx.example.com (Merak 8.0.3) with SMTP id ACM38534 for <$F>; " HOSTILE_DATE, false},
        {"from $H by mx.example.com (LSMTP for Windows NT v1.1b) with SMTP id <1>; " HOSTILE_DATE, false},
        {"from $H (unverified) by mx.example.com (Clearswift SMTPRS 5.1.7) with ESMTP id <1> for <$F>; " HOSTILE_DATE,
         false},
        /* Others */
        {"from $H [$P] by mx.example.com with ESMTP (SMTPD32-8.15) id AB12; " HOSTILE_DATE, true},
        {"from $H ($P:23198) by mx.example.com with [XMail 1.20 ESMTP Server] id <S72E> for <$F> from "
         "<$E>; " HOSTILE_DATE,
         true},
        {"from $H ([$P]:23198) by mx.example.com with [XMail 1.20 ESMTP Server] id <S72E> for <$F> from "
         "<$E>; " HOSTILE_DATE,
         true},
        {"from [$P] ([$P:54321] helo=$H) by mx.example.com (envelope-from <$E>) (ecelerity 3.6.25.56547 "
         "r(Core:3.6.25.0)) with "
         "ESMTPS (cipher=X) id 1; " HOSTILE_DATE,
         true},
        {"from ([$P:50387] helo=$H) by mx.example.com (ecelerity 2.1.1.3 r(11743)) with ESMTP id 8; " HOSTILE_DATE,
         true},
        {"from $H ($P) by mx.example.com (PowerMTA(TM) v3.5r17) id h1 for <$F>; " HOSTILE_DATE " (envelope-from <$E>)",
         true},
        {"from $R (HELO $H) ([$P]) by esa1.example.com with ESMTP/TLS/X; " HOSTILE_DATE, true},
        {"from $R($P), claiming to be \"$H\" via SMTP by mx.example.com, id smtpd1PBsZT; Sun Nov 13 15:38:52 2005",
         true},
        {"(from $H [$P]) by mx.example.com (NAVGW 2.5.2.12) with SMTP id M2006 for <$F>; " HOSTILE_DATE, true},
};
#define HOSTILE_FORMS ELEMENTSOF(hostile_forms)

/* Texts for later gaps that may close what an earlier one opened. */
static const char *const hostile_closers[] = {
        ")",
        "\"",
        "\")",
        "x)x",
        "]",
        ">) by mx2.example.com with SMTP id 5; " HOSTILE_DATE " (",
        ") by mx2.example.com with SMTP id 5; " HOSTILE_DATE,
        "\") by mx2.example.com (Postfix) with SMTP id 5; " HOSTILE_DATE "\"",
        ") (HELO x) (" HOSTILE_FAKE ") by mx2.example.com with SMTP (",
        "x> (y [" HOSTILE_FAKE "]) by mx2.example.com (Postfix) with SMTP id 5; " HOSTILE_DATE,
};
#define HOSTILE_CLOSERS ELEMENTSOF(hostile_closers)

static inline int hostile_gap_of(char c)
{
        const char *p = c ? strchr(hostile_letters, c) : NULL;

        return p ? (int) (p - hostile_letters) : -1;
}

/* The form with its gaps filled; NULL: the honest word. */
static inline void hostile_fill(struct buf *out, const char *form, const char *peer,
                                const char *const gaps[static GAPS])
{
        for (const char *p = form; *p; p++) {
                int gap = *p == '$' ? hostile_gap_of(p[1]) : -1;

                if (*p != '$')
                        (void) buf_putc(out, *p);
                else if (*++p == 'P')
                        (void) buf_puts(out, peer);
                else
                        (void) buf_puts(out, gaps[gap] ? gaps[gap] : hostile_honest[gap]);
        }
}

/* Does the form have that gap? */
static inline bool hostile_has(const char *form, unsigned gap)
{
        const char mark[] = {'$', hostile_letters[gap], '\0'};

        return strstr(form, mark) != NULL;
}

/* What may end the text of a server, before an imitation. */
static const char *const hostile_before[] = {"", "x ", "x) ", "x]) ", "\"", "x\") ", "x> ", "[x] ", "by "};
/* What may swallow the rest of a server's text, behind one. */
static const char *const hostile_behind[] = {"",
                                             " (",
                                             " (x",
                                             " [",
                                             " \"",
                                             " <",
                                             ";",
                                             " for <",
                                             " for <\"",
                                             " by y (",
                                             " (helo=",
                                             " (HELO ",
                                             " (using TLS ",
                                             " (envelope-from <",
                                             " (authenticated ",
                                             ", claiming to be \"",
                                             " with local (",
                                             "\\"};

typedef void hostile_each(void *userdata, const char *payload);

/* A form's text ends behind each word once. */
static inline size_t hostile_each_cut(const char *text, size_t count, unsigned step, hostile_each *each, void *userdata)
{
        size_t len = strlen(text);

        for (size_t cut = 0; cut <= len; cut++) {
                if (cut < len && text[cut] != ' ' && text[cut] != ';')
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(hostile_before); i++)
                        for (size_t k = 0; k < ELEMENTSOF(hostile_behind); k++) {
                                char payload[1536];

                                if (count++ % step)
                                        continue;
                                snprintf(payload, sizeof(payload), "%s%.*s%s", hostile_before[i], (int) cut, text,
                                         hostile_behind[k]);
                                each(userdata, payload);
                        }
        }
        return count;
}

/* Calls `each` with texts for a gap: beginnings of every form with the fake address, behind what may close a server's
 * text and before what may swallow it. `step`: only each so manieth. Returns how many there are. */
static inline size_t hostile_payloads(unsigned step, hostile_each *each, void *userdata)
{
        size_t count = 0;

        for (size_t i = 0; i < HOSTILE_FORMS; i++) {
                char text[1024];
                struct buf out = BUF_FIXED(text);
                const char *const none[GAPS] = {0};

                hostile_fill(&out, hostile_forms[i].text, HOSTILE_FAKE, none);
                /* Behind "from ", and as it is: within a comment, "from" may stand again. */
                count = hostile_each_cut(text + 5, count, step, each, userdata);
                count = hostile_each_cut(text, count, 8 * step, each, userdata);
        }
        return count;
}

#endif
