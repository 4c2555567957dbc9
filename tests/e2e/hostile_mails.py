# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile mails by the thousand, the same for the same seed: what servers write at the top, with texts of the client in each gap
that it fills, and below that whatever a sender may write. For tests and benches; nothing is sent."""

import email.utils
import os
import random

# What servers of many makes write: $H is the client's HELO, $P the address that they saw, $R its reverse name, $D the time.
FORMS = (
    "from $H ($R [$P])\r\n\tby mx.ours.test (Postfix) with ESMTP id 4RkXyz\r\n\tfor <you@ours.test>; $D",
    "from $H (unknown [$P]) by mx.ours.test (Postfix) with SMTP id 4RkXyz; $D",
    "from $H ($R [$P]) by mx.ours.test (8.17.1/8.17.1) with ESMTP id 37F8BC for <you@ours.test>; $D",
    "from $H ($R [$P] (may be forged)) by mx.ours.test (8.17.1/8.17.1) with ESMTP id 37F8BC; $D",
    "from $R ([$P]:45678 helo=$H)\r\n\tby mx.ours.test with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.96)\r\n"
    "\tid 1mABCD-0001Ab-Cd\r\n\tfor you@ours.test; $D",
    "from [$P] (helo=$H) by mx.ours.test with esmtp (Exim 4.63) id 1mA for you@ours.test; $D",
    "from $R (HELO $H) ($P) by mx.ours.test with SMTP; $D",
    "from $H ([$P]) by mx.ours.test with Microsoft SMTPSVC(6.0.3790.3959);\r\n\t $D",
    "from $H ($P) by EX01.ours.test (10.0.0.5) with Microsoft SMTP Server (TLS) id 15.1.2308.8; $D",
    "from $H ($R [$P]) by mx.ours.test (OpenSMTPD) with ESMTPS id 1 (TLSv1.3:X:256:NO) for <you@ours.test>; $D",
    "from [$P] (HELO $H) by mx.ours.test (CommuniGate Pro SMTP 6.2.12) with ESMTPS id 1 for you@ours.test; $D",
    "from $H ([$P]) by notes.ours.test (Lotus Domino Release 8.5.3FP6) with ESMTP id 2013-1 ; $D",
    "from $H by mx.ours.test (MDaemon PRO v9.0.1) with ESMTP id md5.msg for <you@ours.test>; $D",
)
BEFORE = ("", "x ", "x) ", "x]) ", "\"", "x\") ", "x> ", "[x] ", "by ", "\t", "\xa0")
BEHIND = ("", " (", " (x", " [", " \"", " <", ";", " for <", " by y (", " (helo=", " (HELO ", " with local (", "\\", "\0")
HELOS = ("mail.honest.test", "winbox", "[192.168.1.2]", "mx.ours.test", "host.name.test", "localhost.localdomain")
OTHERS = ("X-Originating-IP: [$F]", "Received-SPF: pass (mx.ours.test: $F is allowed) client-ip=$F;",
          "Authentication-Results: mx.ours.test; spf=pass smtp.mailfrom=x.test", "X-Spam-Flag: NO", "X-Spam-Status: No",
          "X-Sekimori-Status: clear", "Received: (qmail 1 invoked by uid 0); $D", "Received: by mx.ours.test (Postfix, from userid 0) id 1; $D",
          "Received: from localhost (localhost [127.0.0.1]) by mx.ours.test (amavisd-new, port 10024) with LMTP id 1; $D",
          "X-Mailer: %s%n%s%x $F", "Return-Path: <>", "Delivered-To: you@$F")


def fill(form, peer, name, helo, when):
    return form.replace("$D", when).replace("$R", name).replace("$P", peer).replace("$H", helo)


class Hostile:
    """`peers`: addresses that our own server saw. `below`: makes an address that only the sender names."""

    def __init__(self, peers, below, seed=6, now=None, big=1):
        self.random, self.peers, self.below, self.big = random.Random(seed), peers, below, big
        self.now = email.utils.formatdate(now)

    def when(self):
        r = self.random
        return r.choice((self.now, self.now, "Mon, 30 Feb 2026 25:61:61 +9999", "", email.utils.formatdate(r.randrange(2 ** 33)),
                         "Sat, 01 Jan 99999999999999999999 00:00:00 -0000", self.now + " " * 50 + "(" * 50))

    def payload(self):
        """A client's text that imitates a server's, cut anywhere. In one line, as a line of SMTP is."""
        r = self.random
        text = fill(r.choice(FORMS), self.below(), "mx.victim.test", "x", self.now)
        text = text[:r.randrange(len(text) + 1)] if r.random() < 0.7 else text
        return r.choice(BEFORE) + text.removeprefix("from ").replace("\r\n", "") + r.choice(BEHIND)

    def _odd(self):
        """What only has to be survived."""
        r = self.random
        return r.choice((lambda: "Received: " + "(" * 100000 * self.big, lambda: "Received: from " + "a" * 100000 * self.big,
                         lambda: "X: " + "\x00\xff\xfe" * 1000, lambda: "Received:\r\n" + "\t\r\n" * 500,
                         lambda: "\r\n".join(["Received: from a ([$F]) by b; " + self.now] * 10000 * self.big).replace("$F", self.below()),
                         lambda: "Received: from a (b [" + "9" * 5000 + "]) by c; x", lambda: ": empty\r\n\r\n", lambda: "\x00"))()

    def mail(self, number):
        """(bytes, the address that our server saw)."""
        r, peer = self.random, self.peers[number % len(self.peers)]
        top = "Received: " + fill(r.choice(FORMS), peer, r.choice(("host.name.test", "unknown")),
                                  self.payload() if number % 2 else r.choice(HELOS), self.now)
        lines = [top]
        for _ in range(r.randrange(4)):
            lines.append("Received: " + fill(r.choice(FORMS), self.below(), "host.other.test", self.payload(), self.when()))
        for _ in range(r.randrange(3)):
            lines.append(r.choice(OTHERS).replace("$F", self.below()).replace("$D", self.when()))
        if number % 100 == 7:
            lines.append(self._odd())
        lines += [f"Date: {self.when()}", "Subject: hello", "Message-ID: <%d.%s@x.test>" % (number, self.below()), "", "http://" + self.below()]
        return "\r\n".join(lines).encode("latin-1"), peer

    def maildir(self, folder, count):

        for part in ("cur", "new", "tmp"):
            os.makedirs(f"{folder}/{part}", exist_ok=True)
        for i in range(count):
            with open(f"{folder}/new/{i:06d}.hostile", "wb") as f:
                f.write(self.mail(i)[0])
