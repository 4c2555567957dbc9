/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of what a complaint says. Runs wherever events are told. */
#include "model/complaint.h"

const char *complaint_about_name(unsigned about)
{
        static const char *const names[COMPLAINT_ABOUTS] = {"nothing", "spam", "attack"};

        return about < COMPLAINT_ABOUTS ? names[about] : "?";
}

const char *complaint_trust_name(unsigned trust)
{
        static const char *const names[COMPLAINT_TRUSTS] = {"stranger", "signed", "trusted"};

        return trust < COMPLAINT_TRUSTS ? names[trust] : "?";
}
