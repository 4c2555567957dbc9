# SPDX-License-Identifier: GPL-3.0-or-later
"""IRC as RFC 1459 has it: a client's connection, and a channel whose members all hear what is said."""

NET = "irc.example"


class Client:
    """A home host at an IRC server."""

    def __init__(self, world, time, host, server, nick, port=6667, user=None, real="user", network=NET, mask="192.0.2.77"):
        self.world, self.host, self.nick, self.network, self.mask = world, host, nick, network, mask
        self.user = user or nick.lower().strip("[]|")[:8] or "u"
        self.tcp = world.tcp(time, host, server, port, service="irc")
        self._fact("USER", self.user, f" {self.user} 0 {real}")
        self.tcp.up(f"NICK {nick}\r\nUSER {self.user} 0 0 :{real}\r\n")
        self._fact("NICK", nick)
        self.tcp.down(f":{network} NOTICE AUTH :*** Looking up your hostname...\r\n")

    def _fact(self, command, value, addl=""):
        self.tcp.flow.facts.append(("irc", self.tcp.now, {
            "nick": self.nick, "user": self.user, "command": command, "value": value, "addl": addl or None,
            "dcc_file_name": None, "dcc_file_size": None}))

    @property
    def now(self):
        return self.tcp.now

    def welcome(self, users=2417, channels=9):
        n, s = self.nick, self.network
        return self.down(f":{s} 001 {n} :Welcome to the network {n}!{self.user}@{self.mask}",
                         f":{s} 002 {n} :Your host is {s}, running version Unreal3.2.3",
                         f":{s} 251 {n} :There are {users} users and 71 invisible on 1 servers",
                         f":{s} 254 {n} {channels} :channels formed",
                         f":{s} 265 {n} :Current Local Users: {users}  Max: {users + 78}",
                         f":{s} 422 {n} :MOTD File is missing")

    def down(self, *lines):
        self.tcp.down("".join(line + "\r\n" for line in lines))
        return self

    def up(self, *lines):
        self.tcp.up("".join(line + "\r\n" for line in lines))
        return self

    def join(self, channel, key="", topic="", members=(), operator="@oper"):
        """`members`: whom the server lists beside us."""
        self._fact("JOIN", channel, f" with channel key: '{key}'" if key else "")
        self.up(f"JOIN {channel} {key}".strip())
        n, s = self.nick, self.network
        lines = [f":{n}!~{self.user}@{self.mask} JOIN :{channel}"]
        if topic:
            lines += [f":{s} 332 {n} {channel} :{topic}", f":{s} 333 {n} {channel} oper 1136190000"]
        names = [n, operator, *members]
        for at in range(0, len(names), 25):
            lines.append(f":{s} 353 {n} = {channel} :{' '.join(names[at:at + 25])}")
        return self.down(*lines, f":{s} 366 {n} {channel} :End of /NAMES list.")

    def hear(self, who, channel, text, mask="198.51.100.9"):
        return self.down(f":{who}!{who.strip('@').lower()[:8]}@{mask} PRIVMSG {channel} :{text}")

    def say(self, channel, text):
        self.tcp.wait(0.2)
        return self.up(f"PRIVMSG {channel} :{text}")

    def ping(self):
        self.tcp.down(f"PING :{self.network}\r\n").up(f"PONG :{self.network}\r\n")
        return self

    def idle(self, until, every=90):
        """Keep-alives until then."""
        while self.tcp.now + every * 1_000_000_000 < until:
            self.tcp.wait(every)
            self.ping()
        self.tcp.until(until)
        return self

    def quit(self, text="leaving"):
        self.up(f"QUIT :{text}")
        return self.tcp.close()


class Room:
    """People and programs in a channel, some of them at home; what one says the others hear at that time."""

    def __init__(self, channel):
        self.channel, self.clients, self.lines = channel, {}, []

    def add(self, client):
        self.clients[client.nick] = client
        return client

    def say(self, time, who, text):
        self.lines.append((time, who, text))

    def play(self, ping=120):
        """Writes all that was said, in order of time, with keep-alives in between."""
        for client in self.clients.values():
            last = client.now
            for time, who, text in sorted(self.lines):
                if time < client.now:
                    continue
                while time - last > ping * 1_000_000_000:
                    last = last + ping * 1_000_000_000
                    client.tcp.until(last)
                    client.ping()
                client.tcp.until(time)
                last = max(time, last)
                if who == client.nick:
                    client.say(self.channel, text)
                else:
                    client.hear(who, self.channel, text)
