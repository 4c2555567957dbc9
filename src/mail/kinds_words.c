/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words in reverse names, as providers of many countries choose them. Runs where mail/kinds.h says.
 *
 * Measured on the names of the shared mails: tests/unit/mail/test_kinds.c. */
#include <string.h>

#include "base/cleanup.h"
#include "mail/kinds_internal.h"

/* A token is a run of letters. '=': the whole of it; '<': it begins so; '~': it is in it. */
static const struct {
        const char *word;
        uint32_t trait;
} words[] = {
        /* how one is connected */
        {"~dsl", KINDS_DIAL},
        {"<dial", KINDS_DIAL},
        {"=dip", KINDS_DIAL},
        {"=tdialin", KINDS_DIAL},
        {"=dialup", KINDS_DIAL},
        {"<ppp", KINDS_DIAL},
        {"=pptp", KINDS_DIAL},
        {"=slip", KINDS_DIAL},
        {"=isdn", KINDS_DIAL},
        {"=pstn", KINDS_DIAL},
        {"=modem", KINDS_DIAL},
        {"<modem", KINDS_DIAL},
        {"~cable", KINDS_DIAL},
        {"=kabel", KINDS_DIAL},
        {"=cabo", KINDS_DIAL},
        {"=catv", KINDS_DIAL},
        {"=hfc", KINDS_DIAL},
        {"=cm", KINDS_DIAL},
        {"=cmts", KINDS_DIAL},
        {"=docsis", KINDS_DIAL},
        {"=broadband", KINDS_DIAL},
        {"=breitband", KINDS_DIAL},
        {"=bb", KINDS_DIAL},
        {"=fttx", KINDS_DIAL},
        {"=ftth", KINDS_DIAL},
        {"=fttb", KINDS_DIAL},
        {"=fttc", KINDS_DIAL},
        {"=gpon", KINDS_DIAL},
        {"=pon", KINDS_DIAL},
        {"=fiber", KINDS_DIAL},
        {"=fibre", KINDS_DIAL},
        {"=fibra", KINDS_DIAL},
        {"=glasfaser", KINDS_DIAL},
        {"=wifi", KINDS_DIAL},
        {"=wlan", KINDS_DIAL},
        {"=wireless", KINDS_DIAL},
        {"=wimax", KINDS_DIAL},
        {"=hotspot", KINDS_DIAL},
        {"=gprs", KINDS_DIAL},
        {"=umts", KINDS_DIAL},
        {"=lte", KINDS_DIAL},
        {"=mobile", KINDS_DIAL},
        {"=mobil", KINDS_DIAL},
        {"=movil", KINDS_DIAL},
        {"=celular", KINDS_DIAL},
        {"=cellular", KINDS_DIAL},
        {"=infinitum", KINDS_DIAL},
        {"=nas", KINDS_DIAL},
        {"=ras", KINDS_DIAL},
        {"=bras", KINDS_DIAL},
        {"=tnt", KINDS_DIAL},
        {"=rasserver", KINDS_DIAL},
        /* how the address is given */
        {"<dyn", KINDS_DIAL},
        {"<dinam", KINDS_DIAL},
        {"<dhcp", KINDS_DIAL},
        {"=bootp", KINDS_DIAL},
        {"=pool", KINDS_DIAL},
        {"=pools", KINDS_DIAL},
        {"=ippool", KINDS_DIAL},
        {"=nat", KINDS_DIAL},
        {"=cgn", KINDS_DIAL},
        {"=cgnat", KINDS_DIAL},
        {"=ipt", KINDS_DIAL},
        /* to whom: customers, in several languages */
        {"=client", KINDS_DIAL},
        {"=clients", KINDS_DIAL},
        {"=cliente", KINDS_DIAL},
        {"=clientes", KINDS_DIAL},
        {"=clienti", KINDS_DIAL},
        {"=klient", KINDS_DIAL},
        {"=kunde", KINDS_DIAL},
        {"=kunden", KINDS_DIAL},
        {"=kund", KINDS_DIAL},
        {"=klanten", KINDS_DIAL},
        {"=asiakas", KINDS_DIAL},
        {"=abo", KINDS_DIAL},
        {"<abonent", KINDS_DIAL},
        {"<abonne", KINDS_DIAL},
        {"=assinante", KINDS_DIAL},
        {"=assinantes", KINDS_DIAL},
        {"=usuario", KINDS_DIAL},
        {"=usuarios", KINDS_DIAL},
        {"=utente", KINDS_DIAL},
        {"=utenti", KINDS_DIAL},
        {"=user", KINDS_DIAL},
        {"=users", KINDS_DIAL},
        {"=usr", KINDS_DIAL},
        {"=cust", KINDS_DIAL},
        {"<customer", KINDS_DIAL},
        {"<subscriber", KINDS_DIAL},
        {"=subs", KINDS_DIAL},
        {"=res", KINDS_DIAL},
        {"=resi", KINDS_DIAL},
        {"<residential", KINDS_DIAL},
        {"=home", KINDS_DIAL},
        {"=acceso", KINDS_DIAL},
        {"=acesso", KINDS_DIAL},
        {"=acces", KINDS_DIAL},
        {"=access", KINDS_DIAL},
        {"=zugang", KINDS_DIAL},
        /* fixed addresses */
        {"~static", KINDS_STATIC},
        {"=sta", KINDS_STATIC},
        {"=stat", KINDS_STATIC},
        {"=statisch", KINDS_STATIC},
        {"<statiqu", KINDS_STATIC},
        {"<estatic", KINDS_STATIC},
        {"<fixed", KINDS_STATIC},
        {"=fix", KINDS_STATIC},
        {"=fixip", KINDS_STATIC},
        {"=fixo", KINDS_STATIC},
        {"=fijo", KINDS_STATIC},
        {"=fisso", KINDS_STATIC},
        {"<business", KINDS_STATIC},
        {"=biz", KINDS_STATIC},
        {"=corp", KINDS_STATIC},
        {"=office", KINDS_STATIC},
        {"=leased", KINDS_STATIC},
        /* rented machines */
        {"=compute", KINDS_HOSTING},
        {"~cloud", KINDS_HOSTING},
        {"=vps", KINDS_HOSTING},
        {"<vserver", KINDS_HOSTING},
        {"=server", KINDS_HOSTING},
        {"=servers", KINDS_HOSTING},
        {"=srv", KINDS_HOSTING},
        {"<dedi", KINDS_HOSTING},
        {"=colo", KINDS_HOSTING},
        {"<coloc", KINDS_HOSTING},
        {"<hosting", KINDS_HOSTING},
        {"=hosted", KINDS_HOSTING},
        {"=vm", KINDS_HOSTING},
        {"=kvm", KINDS_HOSTING},
        {"=members", KINDS_HOSTING},
        {"=webpack", KINDS_HOSTING},
        /* servers */
        {"~mail", KINDS_SERVER},
        {"=mx", KINDS_SERVER},
        {"<smtp", KINDS_SERVER},
        {"=mta", KINDS_SERVER},
        {"<relay", KINDS_SERVER},
        {"=out", KINDS_SERVER},
        {"<outbound", KINDS_SERVER},
        {"<outgoing", KINDS_SERVER},
        {"=mout", KINDS_SERVER},
        {"<newsletter", KINDS_SERVER},
        {"=news", KINDS_SERVER},
        {"=list", KINDS_SERVER},
        {"=lists", KINDS_SERVER},
        {"=imap", KINDS_SERVER},
        {"=pop", KINDS_SERVER},
        {"=ns", KINDS_SERVER},
        {"=dns", KINDS_SERVER},
        {"=www", KINDS_SERVER},
        {"=web", KINDS_SERVER},
        {"=exchange", KINDS_SERVER},
        {"<postfix", KINDS_SERVER},
        {"=bounce", KINDS_SERVER},
        {"=bounces", KINDS_SERVER},
};

static bool has(struct slice token, const char *word, size_t n)
{
        for (uint32_t i = 0; i + n <= token.len; i++)
                if (strncasecmp(token.p + i, word, n) == 0)
                        return true;
        return false;
}

uint32_t kinds_words_of(struct slice token, bool first)
{
        uint32_t traits = 0;

        for (unsigned i = 0; i < ELEMENTSOF(words); i++) {
                const char *word = words[i].word + 1;
                size_t n = strlen(word);
                bool fits;

                if (words[i].trait == KINDS_SERVER && !first)
                        continue; /* "x.mail.example" is anything's name */
                switch (words[i].word[0]) {
                case '=':
                        fits = slice_is_n(token, word, n);
                        break;
                case '<':
                        fits = slice_begins_n(token, word, n);
                        break;
                default:
                        fits = has(token, word, n);
                }
                if (fits)
                        traits |= words[i].trait;
        }
        return traits;
}
