# SPDX-License-Identifier: GPL-3.0-or-later
"""A World's flows as other sensors would have written them: Zeek's conn, dns, http, ssl, irc and smtp logs, tab-separated and as
JSON (Zeek manual,
      Script Reference: base/protocols), and the built and teardown messages of a Cisco FWSM (Catalyst 6500 FWSM
system log messages 302013 to 302021)."""

import json
import os
import time as clock

from scenarios.wire import ICMP, TCP, UDP

NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", 58: "icmp"}
CONN = ("ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig "
        "local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents").split()
ENDS = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p".split()
FIELDS = {
    "conn": CONN,
    "dns": ENDS + ("proto trans_id rtt query qclass qclass_name qtype qtype_name rcode rcode_name AA TC RD RA Z answers TTLs "
                   "rejected").split(),
    "http": ENDS + ("trans_depth method host uri version user_agent request_body_len response_body_len status_code status_msg "
                    "orig_mime_types resp_mime_types").split(),
    "ssl": ENDS + "version cipher curve server_name resumed next_protocol established".split(),
    "irc": ENDS + "nick user command value addl dcc_file_name dcc_file_size".split(),
    "smtp": ENDS + ("trans_depth helo mailfrom rcptto date from to msg_id subject last_reply path tls").split(),
}
# conn_state and history by what became of TCP.
TCP_STATES = {"silent": ("S0", "S"), "refused": ("REJ", "Sr"), "open": ("S1", "ShADad"), "closed": ("SF", "ShADadfF"),
              "reset0": ("RSTO", "ShADadR"), "reset1": ("RSTR", "ShADadr")}
FWSM_ENDS = {"silent": "SYN Timeout", "refused": "TCP Reset-O", "closed": "TCP FINs", "reset0": "TCP Reset-I",
             "reset1": "TCP Reset-O"}
SYN_TIMEOUT = 30


def seconds(ns):
    return ns / 1e9


def conn_of(flow):
    if flow.proto == TCP:
        state, history = TCP_STATES[flow.outcome]
    else:
        state, history = ("SF", "Dd") if flow.packets[1] else ("S0", "D")
    v6 = ":" in flow.orig[0]
    head = (40 if v6 else 20) + (20 if flow.proto == TCP else 8)
    nothing = state in ("S0", "REJ") and flow.proto == TCP
    return {
        "proto": NAMES[flow.proto], "service": flow.service,
        "duration": None if flow.began == flow.ended else seconds(flow.ended - flow.began),
        "orig_bytes": 0 if nothing else flow.bytes[0], "resp_bytes": 0 if nothing else flow.bytes[1], "conn_state": state,
        "local_orig": flow.orig[0].startswith("10."), "local_resp": flow.resp[0].startswith("10."), "missed_bytes": 0,
        "history": history, "orig_pkts": flow.packets[0], "orig_ip_bytes": flow.bytes[0] + head * flow.packets[0],
        "resp_pkts": flow.packets[1], "resp_ip_bytes": flow.bytes[1] + head * flow.packets[1], "tunnel_parents": None}


def zeek_records(world):
    """(log, when it is written, record) of all flows."""
    for number, flow in enumerate(sorted(world.flows, key=lambda f: f.began)):
        ends = {"uid": f"C{number:x}", "id.orig_h": flow.orig[0], "id.orig_p": flow.orig[1], "id.resp_h": flow.resp[0],
                "id.resp_p": flow.resp[1]}
        yield "conn", flow.ended, {"ts": seconds(flow.began), **ends, **conn_of(flow)}
        for log, time, values in flow.facts:
            yield log, flow.ended, {"ts": seconds(time), **ends, **values}


def tsv(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, (list, tuple)):
        return ",".join(tsv(item) for item in value) or "(empty)"
    return str(value).replace("\t", "\\x09") or "(empty)"


def write_zeek(world, folder):
    records = {}
    for log, _, record in sorted(zeek_records(world), key=lambda r: r[1]):
        records.setdefault(log, []).append(record)
    for form in ("zeek-tsv", "zeek-json"):
        os.makedirs(os.path.join(folder, form), exist_ok=True)
    for log, lines in records.items():
        fields = FIELDS[log]
        with open(os.path.join(folder, "zeek-tsv", f"{log}.log"), "w", encoding="utf-8") as file:
            file.write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
                       f"#path\t{log}\n#fields\t{chr(9).join(fields)}\n")
            for line in lines:
                file.write("\t".join(tsv(line.get(field)) for field in fields) + "\n")
            file.write("#close\t2006-01-03-00-00-00\n")
        with open(os.path.join(folder, "zeek-json", f"{log}.log"), "w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps({k: v for k, v in line.items() if v is not None}) + "\n")


def stamp(time):
    at = clock.gmtime(time // 1_000_000_000)
    return clock.strftime("%b %d %H:%M:%S 10.20.0.1 %b %d %Y %H:%M:%S: ", at)


def fwsm_lines(world):
    """A firewall sees what passes between inside and outside."""
    lines = []
    for number, flow in enumerate(sorted(world.flows, key=lambda f: f.began), 100):
        out, back = world.is_home(flow.orig[0]), world.is_home(flow.resp[0])
        if out == back or ":" in flow.orig[0]:
            continue
        local, foreign = (flow.orig, flow.resp) if out else (flow.resp, flow.orig)
        ends = f"faddr {foreign[0]}/{foreign[1]} gaddr {local[0]}/{local[1]} laddr {local[0]}/{local[1]}"
        way = "outbound" if out else "inbound"
        if flow.proto == TCP:
            end, how = flow.ended, FWSM_ENDS.get(flow.outcome)
            # Each line is written when the connection is begun or given up.
            if flow.outcome == "silent":
                end = flow.began + SYN_TIMEOUT * 1_000_000_000
            lines.append((flow.began, f"%FWSM-6-302013: Built {way} TCP connection {number} for {ends}"))
            if how:
                lines.append((end, f"%FWSM-6-302014: Teardown TCP connection {number} {ends} duration "
                                   f"{length(end - flow.began)} bytes {sum(flow.bytes)} ({how})"))
        elif flow.proto == UDP:
            lines.append((flow.began, f"%FWSM-6-302015: Built {way} UDP connection {number} for {ends}"))
            lines.append((flow.ended + 120_000_000_000, f"%FWSM-6-302016: Teardown UDP connection {number} {ends} duration "
                          f"{length(flow.ended + 120_000_000_000 - flow.began)} bytes {sum(flow.bytes)}"))
    return sorted(lines, key=lambda line: line[0])


def length(ns):
    whole = ns // 1_000_000_000
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def write(world, folder):
    write_zeek(world, folder)
    os.makedirs(os.path.join(folder, "fwsm"), exist_ok=True)
    with open(os.path.join(folder, "fwsm", "fwsm.log"), "w", encoding="utf-8") as file:
        file.writelines(stamp(time) + text + "\n" for time, text in fwsm_lines(world))
