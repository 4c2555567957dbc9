/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc.log and smtp.log: dialogs as far as the log keeps them. */
#include "log_zeek_rig.h"

static void test_irc(void **state)
{
        struct rig r;

        (void) state;
        READ(&r, "x", FIELDS("irc", "nick\tuser\tcommand\tvalue\taddl\tdcc_file_name\tdcc_file_size"),
             OUT("I", "-\t-\tNICK\tbot-7\t-\t-\t-"), OUT("I", "bot-7\t-\tUSER\tbot\t0 * a  name\t-\t-"),
             OUT("I", "bot-7\tbot\tJOIN\t#c\\x2cd\t with channel key: 'k'\t-\t-"),
             OUT("I", "bot-7\tbot\tJOIN\t#e\t(empty)\t-\t-"), OUT("I", "bot-7\tbot\tDCC\t-\t(empty)\tx.exe\t4096"),
             OUT("I", "bot-7\tbot\tNICK\ta\\x0d\\x0aQUIT\t-\t-\t-"));
        assert_int_equal(r.n, 6);
        assert_string_equal(r.text[0], "NICK bot-7");
        assert_string_equal(r.text[1], "USER bot 0 * :a  name");
        assert_string_equal(r.text[2], "JOIN #c,d k");
        assert_string_equal(r.text[3], "JOIN #e");
        assert_string_equal(r.text[4], "PRIVMSG bot-7 :\001DCC SEND x.exe 0 0 4096\001");
        assert_string_equal(r.text[5], "NICK a"); /* no second line out of a value */
        assert_int_equal(r.e[0].irc.from_client, 1);
        assert_int_equal(r.e[0].ends.from_local, 1);
        assert_int_equal(r.e[4].irc.from_client, 0);
        rig_end(&r);
}

static void test_smtp(void **state)
{
        static const uint8_t ops[] = {SMTP_HELO,     SMTP_MAIL,     SMTP_RCPT, SMTP_RCPT, SMTP_DATA,
                                      SMTP_ACCEPTED, SMTP_STARTTLS, SMTP_MAIL, SMTP_RCPT, SMTP_REJECTED};
        struct rig r;

        (void) state;
        READ(&r, "x", FIELDS("smtp", "trans_depth\thelo\tmailfrom\trcptto\tdate\tsubject\tlast_reply\ttls"),
             OUT("M", "1\tpc7\t<a@example.org>\tb@example.net,c@example.net\tMon\thello\t250 2.0.0 ok\tF"),
             OUT("M", "2\tpc7\ta@example.org\tb@example.net\t-\t-\t550 no such user\tT"));
        assert_int_equal(r.n, ELEMENTSOF(ops));
        for (size_t i = 0; i < ELEMENTSOF(ops); i++) {
                assert_int_equal(r.e[i].op, ops[i]);
                assert_int_equal(r.e[i].ends.from_local, ops[i] != SMTP_ACCEPTED && ops[i] != SMTP_REJECTED);
        }
        assert_string_equal(r.text[0], "pc7");
        assert_string_equal(r.text[1], "a@example.org");
        assert_string_equal(r.text[3], "c@example.net");
        assert_int_equal(r.e[5].smtp.code, 250);
        assert_int_equal(r.e[9].smtp.code, 550);
        assert_string_equal(r.text[9], "no such user");
        rig_end(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_irc),
                cmocka_unit_test(test_smtp),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
