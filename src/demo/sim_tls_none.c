/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands in for sim_tls.c where the program is built without libssl: everything works but orders over TLS, and asking
 * for them says so. Runs in the server and in the bot. */
#include <errno.h>

#include "demo/sim.h"

bool sim_tls_available(void)
{
        return false;
}

int sim_tls_server_new(_unused_ struct sim_tls_server **ret)
{
        return -EOPNOTSUPP;
}

void sim_tls_server_free(_unused_ struct sim_tls_server *s)
{
}

int sim_tls_attach(_unused_ int fd, _unused_ struct sim_tls_server *server, _unused_ struct sim_tls **ret)
{
        return -EOPNOTSUPP;
}

void sim_tls_free(_unused_ struct sim_tls *t)
{
}

int sim_tls_connect(_unused_ struct sim_tls *t, _unused_ short *ret_events)
{
        return -EOPNOTSUPP;
}

ssize_t sim_tls_read(_unused_ struct sim_tls *t, _unused_ char *data, _unused_ size_t size)
{
        return -ECONNRESET;
}

int sim_tls_write(_unused_ struct sim_tls *t, _unused_ const char *data, _unused_ size_t len)
{
        return -EOPNOTSUPP;
}
