/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: country and network of an address, from the MMDB file that the user names (network.mmdb). Opened when
 * the detector starts, before the sandbox closes, and mapped from then on. The usual free files differ in their keys:
 * GeoLite2 and DB-IP nest the country, others have it flat; both are asked for. Runs in the engine and in offline
 * commands. */
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "detect/dns_anomaly.h"

struct dns_place {
        MMDB_s db;
        bool has_networks;
};

struct dns_place *dns_anomaly_place_open(const char *path)
{
        struct dns_place *p = calloc(1, sizeof(*p));

        if (p && MMDB_open(path, MMDB_MODE_MMAP, &p->db) != MMDB_SUCCESS) {
                free(p);
                return NULL;
        }
        if (p && p->db.metadata.database_type)
                p->has_networks = strstr(p->db.metadata.database_type, "ASN") != NULL;
        return p;
}

void dns_anomaly_place_close(struct dns_place *p)
{
        if (!p)
                return;
        MMDB_close(&p->db);
        free(p);
}

bool dns_anomaly_place_has_networks(const struct dns_place *p)
{
        return p->has_networks;
}

/* "AS13335", or the number itself. */
static uint32_t system_of(const MMDB_entry_data_s *v)
{
        uint32_t n = 0;

        if (v->type == MMDB_DATA_TYPE_UINT32)
                return v->uint32;
        if (v->type == MMDB_DATA_TYPE_UINT16)
                return v->uint16;
        if (v->type != MMDB_DATA_TYPE_UTF8_STRING || v->data_size < 3 || memcmp(v->utf8_string, "AS", 2) != 0)
                return 0;
        for (uint32_t i = 2; i < v->data_size && v->utf8_string[i] >= '0' && v->utf8_string[i] <= '9'; i++)
                n = n * 10 + (uint32_t) (v->utf8_string[i] - '0');
        return n;
}

static bool get(MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *ret)
{
        return MMDB_aget_value(entry, ret, path) == MMDB_SUCCESS && ret->has_data;
}

static uint16_t country_of(MMDB_entry_s *entry)
{
        static const char *const paths[][3] = {
                {"country", "iso_code", NULL}, {"country_code", NULL, NULL}, {"country", NULL, NULL}};
        MMDB_entry_data_s v;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (get(entry, paths[i], &v) && v.type == MMDB_DATA_TYPE_UTF8_STRING && v.data_size == 2)
                        return (uint16_t) ((uint8_t) v.utf8_string[0] << 8 | (uint8_t) v.utf8_string[1]);
        return 0;
}

void dns_anomaly_place_find(struct dns_place *p, const struct addr *a, uint32_t *ret_network, uint16_t *ret_country)
{
        static const char *const number[] = {"autonomous_system_number", NULL}, *const flat[] = {"asn", NULL};
        struct sockaddr_in6 six = {.sin6_family = AF_INET6};
        struct sockaddr_in four = {.sin_family = AF_INET};
        MMDB_lookup_result_s r;
        MMDB_entry_data_s v;
        int error = MMDB_SUCCESS;

        *ret_network = 0;
        *ret_country = 0;
        memcpy(&six.sin6_addr, a->b, 16);
        memcpy(&four.sin_addr, a->b + 12, 4);
        r = MMDB_lookup_sockaddr(&p->db, addr_is_v4(a) ? (void *) &four : (void *) &six, &error);
        if (error != MMDB_SUCCESS || !r.found_entry)
                return;
        if (get(&r.entry, number, &v) || get(&r.entry, flat, &v))
                *ret_network = system_of(&v);
        p->has_networks |= *ret_network != 0;
        *ret_country = country_of(&r.entry);
}
