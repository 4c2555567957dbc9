/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rules say of a host: the rows of the table as rules of today and of long ago name themselves. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "base/cleanup.h"
#include "rules/stage.h"

#define NOTHING (-1)

static struct rule staged(const char *msg, const char *class_name, const struct rule_word *words, uint16_t n)
{
        struct rule r = {.msg = msg, .class_name = class_name, .metadata = words, .n_metadata = n};

        rule_stage(&r);
        assert_int_equal(r.stage != 0, r.weight != 0);
        return r;
}

static void test_messages(void **unused)
{
        static const struct {
                const char *msg, *class_name;
                int stage;
                uint16_t least, most;
        } cases[] = {
                {"ET TROJAN Zeus CnC Checkin", "trojan-activity", STAGE_CONTROL, 900, 900},
                {"ET TROJAN Win32.Agent Checkin", "trojan-activity", STAGE_CONTROL, 800, 800},
                {"ET TROJAN Something odd", "trojan-activity", STAGE_CONTROL, 700, 700},
                {"ETPRO TROJAN Spambot Sending Spam", "trojan-activity", STAGE_ATTACK, 700, 700},
                {"ET TROJAN HawkEye Keylogger FTP", "trojan-activity", STAGE_STEAL, 700, 700},
                {"ET TROJAN Potential Dridex Payload", "trojan-activity", STAGE_EGG, 600, 600},
                {"ET MALWARE Lokibot CnC Activity", "command-and-control", STAGE_CONTROL, 900, 900},
                {"ET MALWARE Toolbar User Agent", "policy-violation", STAGE_CONTROL, 100, 300},
                {"ET CNC Shadowserver Reported CnC Server IP group 3", "trojan-activity", STAGE_CONTROL, 500, 700},
                {"ET SCAN Nmap Scripting Engine", "web-application-attack", STAGE_SPREAD, 400, 400},
                {"GPL NETBIOS SMB-DS overflow attempt", "attempted-admin", STAGE_SPREAD, 500, 500},
                {"GPL DNS named version attempt", "attempted-recon", STAGE_SPREAD, 200, 200},
                {"ET DOS Possible NTP DDoS", "attempted-dos", STAGE_ATTACK, 400, 400},
                {"ET CURRENT_EVENTS Angler Landing", "trojan-activity", STAGE_INFECT, 200, 200},
                {"ET ATTACK_RESPONSE x", "bad-unknown", STAGE_INFECT, 200, 200},
                {"BLEEDING-EDGE RXBOT / RBOT Vulnerability Scan", "trojan-activity", STAGE_CONTROL, 600, 600},
                {"ET TROJAN IRC Nick change on non-standard port", "trojan-activity", STAGE_CONTROL, 150, 150},
                {"BLEEDING-EDGE SCAN something", NULL, STAGE_SPREAD, 400, 400},
                {"a rule of our own, C2 of x", "trojan-activity", STAGE_CONTROL, 900, 900},
                /* nothing */
                {"ET INFO DYNAMIC_DNS CnC", "trojan-activity", NOTHING, 0, 0},
                {"ET POLICY Executable download", "policy-violation", NOTHING, 0, 0},
                {"ET TOR Known Tor Exit Node", "misc-attack", NOTHING, 0, 0},
                {"ET CHAT IRC JOIN", "misc-activity", NOTHING, 0, 0},
                {"ET PHISHING Login", "credential-theft", NOTHING, 0, 0},
                {"ET COMPROMISED Known Hostile", "misc-attack", NOTHING, 0, 0},
                {"SURICATA TCPv4 invalid checksum", "protocol-command-decode", NOTHING, 0, 0},
                {"Experimental IRC JOIN command detected", NULL, NOTHING, 0, 0},
                {"", NULL, NOTHING, 0, 0},
                {"ET ", "misc-activity", NOTHING, 0, 0},
                {"ETX TROJAN CnC", "misc-activity", NOTHING, 0, 0},
                /* CnC within another word is none */
                {"ET TROJAN zCnCz", "trojan-activity", STAGE_CONTROL, 700, 700},
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct rule r = staged(cases[i].msg, cases[i].class_name, NULL, 0);

                if ((int) r.stage - 1 != cases[i].stage || r.weight < cases[i].least || r.weight > cases[i].most)
                        fail_msg("%s: stage %d, weight %u", cases[i].msg, (int) r.stage - 1, r.weight);
        }
}

static void test_metadata(void **unused)
{
        static const struct rule_word cnc[] = {{"tag", "CnC"}, {"malware_family", "x"}};
        static const struct rule_word former[] = {{"former_category", "MALWARE"}, {"tag", "SSL_Malicious_Cert"}};
        static const struct rule_word informs[] = {{"former_category", "INFO"}};
        static const struct rule_word minor[] = {{"signature_severity", "Minor"}};
        static const struct rule_word informational[] = {{"signature_severity", "Informational"}};
        static const struct rule_word doubtful[] = {{"signature_severity", "Audit"}, {"confidence", "Low"}};
        static const struct rule_word no_tag[] = {{"created_at", "CnC"}};

        (void) unused;
        assert_int_equal(staged("my rule", NULL, cnc, ELEMENTSOF(cnc)).weight, 700);
        assert_int_equal(staged("my rule", NULL, no_tag, 1).weight, 0);
        assert_int_equal(staged("my rule", "trojan-activity", former, ELEMENTSOF(former)).weight, 900);
        assert_int_equal(staged("my rule", "trojan-activity", informs, 1).weight, 0);
        /* the message's own category counts before the former one */
        assert_int_equal(staged("ET TROJAN x CnC", "trojan-activity", informs, 1).weight, 900);
        assert_int_equal(staged("ET TROJAN x CnC", "trojan-activity", minor, 1).weight, 450);
        assert_int_equal(staged("ET TROJAN x CnC", "trojan-activity", informational, 1).weight, 0);
        assert_int_equal(staged("ET TROJAN x CnC", "trojan-activity", doubtful, 2).weight, 225);
}

static void test_victim(void **unused)
{
        struct rule r = {.msg = "GPL ATTACK_RESPONSE id check returned root", .class_name = "bad-unknown"};

        (void) unused;
        rule_stage(&r);
        assert_true(r.flags & RULE_VICTIM_SENDER);
        r = (struct rule){.msg = r.msg, .flags = RULE_TARGET_DST};
        rule_stage(&r);
        assert_false(r.flags & RULE_VICTIM_SENDER);
        assert_false(staged("ET EXPLOIT x", "attempted-admin", NULL, 0).flags & RULE_VICTIM_SENDER);
}

/* Every row has a reason and says when it counts; the last fits all. */
static void test_rows(void **unused)
{
        struct rule_stage_text row;
        size_t n = 0;

        (void) unused;
        for (; rule_stage_row(n, &row); n++) {
                assert_true(row.when[0]);
                assert_non_null(row.reason);
                assert_int_equal(row.stage != 0, row.weight != 0);
                assert_true(row.stage <= STAGES);
                assert_true(row.weight < 1000); /* none makes a suspect by itself */
        }
        assert_true(n > 40);
        assert_string_equal(row.when, "all others");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_messages),
                cmocka_unit_test(test_metadata),
                cmocka_unit_test(test_victim),
                cmocka_unit_test(test_rows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
