/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why an option is not honoured: what Suricata knows and this program does not do is told apart from what nobody knows.
 * Runs where rules are read. */
#include "rules/refuse.h"

#include <string.h>

static const struct {
        const char *name; /* with a dot at the end: all that begin so */
        enum rule_problem_kind kind;
        const char *reason;
} refused[] = {
        {"ftpbounce", PROBLEM_OPTION, "addresses in commands of FTP are not compared with the packet's"},
        {"filestore", PROBLEM_OPTION, "files are not stored"},
        {"filemagic", PROBLEM_OPTION, "files are recognised by this program's own means, not by libmagic"},
        {"file.magic", PROBLEM_OPTION, "files are recognised by this program's own means, not by libmagic"},
        {"fileext", PROBLEM_OPTION, "names of files are not looked at by rules"},
        {"filename", PROBLEM_OPTION, "names of files are not looked at by rules"},
        {"file.name", PROBLEM_OPTION, "names of files are not looked at by rules"},
        {"filesize", PROBLEM_OPTION, "sizes of files are not looked at by rules"},
        {"filemd5", PROBLEM_OPTION, "rules name no lists of hashes"},
        {"filesha1", PROBLEM_OPTION, "rules name no lists of hashes"},
        {"filesha256", PROBLEM_OPTION, "rules name no lists of hashes"},
        {"lua", PROBLEM_OPTION, "rules run no scripts"},
        {"luajit", PROBLEM_OPTION, "rules run no scripts"},
        {"replace", PROBLEM_OPTION, "traffic is never changed"},
        {"geoip", PROBLEM_OPTION, "countries are not looked at by rules"},
        {"iprep", PROBLEM_OPTION, "there are no lists of reputation"},
        {"dataset", PROBLEM_OPTION, "there are no data sets"},
        {"datarep", PROBLEM_OPTION, "there are no data sets"},
        {"base64_decode", PROBLEM_OPTION, "Base64 within content is not decoded"},
        {"base64_data", PROBLEM_OPTION, "Base64 within content is not decoded"},
        {"flowvar", PROBLEM_OPTION, "captures of expressions are not kept"},
        {"pktvar", PROBLEM_OPTION, "captures of expressions are not kept"},
        {"rpc", PROBLEM_PROTOCOL, "ONC RPC is not decoded here"},
        {"dce_", PROBLEM_PROTOCOL, "DCE/RPC is not decoded here"},
        {"dcerpc.", PROBLEM_PROTOCOL, "DCE/RPC is not decoded here"},
        {"smb.", PROBLEM_PROTOCOL, "SMB is recognised here, but not decoded"},
        {"smb_", PROBLEM_PROTOCOL, "SMB is recognised here, but not decoded"},
        {"krb5", PROBLEM_PROTOCOL, "Kerberos is not decoded here"},
        {"nfs", PROBLEM_PROTOCOL, "NFS is not decoded here"},
        {"dnp3", PROBLEM_PROTOCOL, "DNP3 is not decoded here"},
        {"modbus", PROBLEM_PROTOCOL, "Modbus is not decoded here"},
        {"enip", PROBLEM_PROTOCOL, "EtherNet/IP is not decoded here"},
        {"cip_", PROBLEM_PROTOCOL, "EtherNet/IP is not decoded here"},
        {"mqtt.", PROBLEM_PROTOCOL, "MQTT is not decoded here"},
        {"ike.", PROBLEM_PROTOCOL, "IKE is not decoded here"},
        {"rfb.", PROBLEM_PROTOCOL, "RFB is not decoded here"},
        {"sip.", PROBLEM_PROTOCOL, "SIP is recognised here, but not decoded"},
        {"snmp.", PROBLEM_PROTOCOL, "SNMP is recognised here, but not decoded"},
        {"quic.", PROBLEM_PROTOCOL, "QUIC is recognised here, but not decoded"},
        {"rdp.", PROBLEM_PROTOCOL, "RDP is recognised here, but not decoded"},
        {"dhcp.", PROBLEM_PROTOCOL, "DHCP is recognised here, but not decoded"},
        {"http2.", PROBLEM_PROTOCOL, "HTTP/2 is not decoded here"},
        {"websocket.", PROBLEM_PROTOCOL, "WebSocket is not decoded here"},
        {"http.", PROBLEM_PROTOCOL, "this part of HTTP is not kept for rules"},
        {"http_", PROBLEM_PROTOCOL, "this part of HTTP is not kept for rules"},
        {"dns.", PROBLEM_PROTOCOL, "this part of DNS is not kept for rules"},
        {"tls.", PROBLEM_PROTOCOL, "this part of TLS is not kept for rules"},
        {"tls_", PROBLEM_PROTOCOL, "this part of TLS is not kept for rules"},
        {"ssh.", PROBLEM_PROTOCOL, "this part of SSH is not kept for rules"},
        {"smtp.", PROBLEM_PROTOCOL, "this part of SMTP is not kept for rules"},
        {"ftp.", PROBLEM_PROTOCOL, "this part of FTP is not kept for rules"},
        {"ftpdata_", PROBLEM_PROTOCOL, "this part of FTP is not kept for rules"},
        {"email.", PROBLEM_PROTOCOL, "parts of mails are not kept for rules"},
        {"file.", PROBLEM_PROTOCOL, "this property of a file is not kept for rules"},
        {"ipv4.", PROBLEM_OPTION, "headers as bytes are not looked at"},
        {"ipv6.", PROBLEM_OPTION, "headers as bytes are not looked at"},
        {"tcp.", PROBLEM_OPTION, "headers as bytes are not looked at"},
        {"udp.", PROBLEM_OPTION, "headers as bytes are not looked at"},
        {"icmpv4.", PROBLEM_OPTION, "headers as bytes are not looked at"},
        {"icmpv6.", PROBLEM_OPTION, "headers as bytes are not looked at"},
        {"frame", PROBLEM_OPTION, "frames of protocols are not kept for rules"},
        {"flow.", PROBLEM_OPTION, "properties of flows are not looked at by rules"},
        {"bypass", PROBLEM_OPTION, "no flow is left out on the word of a rule"},
        {"config", PROBLEM_OPTION, "rules change no configuration"},
        {"requires", PROBLEM_OPTION, "what it requires is a version of another program"},
        {"l3_proto", PROBLEM_OPTION, "write ip4 or ip6 as the protocol"},
        {"pcrexform", PROBLEM_OPTION, "buffers are not rewritten by expressions"},
        {"xor", PROBLEM_OPTION, "buffers are not deciphered"},
        {"strip_pseudo_headers", PROBLEM_OPTION, "HTTP/2 is not decoded here"},
        {"header_lowercase", PROBLEM_OPTION, "HTTP/2 is not decoded here"},
        {"ja4.", PROBLEM_PROTOCOL, "JA4 is an event's field here, not a buffer of rules"},
};

int refuse_option(struct parse *p, struct slice name)
{
        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                size_t n = strlen(refused[i].name);
                bool prefix = refused[i].name[n - 1] == '.' || refused[i].name[n - 1] == '_';

                if (name.len < n || (!prefix && name.len != n) || memcmp(name.p, refused[i].name, n) != 0)
                        continue;
                return parse_fail(p, refused[i].kind, "%s", refused[i].reason);
        }
        return parse_fail(p, PROBLEM_OPTION, "no such option is known");
}
