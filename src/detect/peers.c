/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peers: see detect/peers.h. Pure; runs in the engine. */
#include "detect/peers.h"

#include "detect/detector.h"

#define HOSTS_PER_USER 8u
#define USERS_MANY     16u /* 64 bits tell so few apart well; more are no rarity anywhere */

struct user_bits {
        uint64_t hosts; /* by hash */
};

int peers_init(struct peers *p, const struct config *config)
{
        int r;

        if ((r = ways_init(&p->users, PEERS_USERS, sizeof(struct user_bits))) < 0 ||
            (r = ways_init(&p->names, PEERS_NAMES, 0)) < 0)
                return r;
        return home_new(&config->home, &p->home);
}

void peers_done(struct peers *p)
{
        ways_done(&p->users);
        ways_done(&p->names);
        home_free(p->home);
        p->home = NULL;
}

bool peers_is_outside(const struct peers *p, const struct addr *remote)
{
        return !addr_is_multicast(remote) && !addr_is_loopback(remote) && !addr_is_unspecified(remote) &&
               !addr_is_link_local(remote) && !home_has(p->home, remote);
}

static uint64_t host_hash(const struct addr *local)
{
        struct detector_key host = detector_host_key(local);

        return ways_hash(&host);
}

void peers_note_contact(struct peers *p, const struct addr *local, const struct addr *remote, uint32_t stamp)
{
        uint64_t hash = host_hash(local);
        bool created;
        struct ways_slot *slot = ways_insert(&p->users, ways_hash(remote), stamp, &created);

        slot->stamp = stamp;
        p->hosts[hash >> 6 & 3] |= 1ull << (hash & 63);
        ((struct user_bits *) ways_entry(&p->users, slot))->hosts |= 1ull << (hash & 63);
}

unsigned peers_count_users(const struct peers *p, const struct addr *remote)
{
        const struct ways_slot *slot = ways_find(&p->users, ways_hash(remote));

        return slot ? (unsigned) __builtin_popcountll(((struct user_bits *) ways_entry(&p->users, slot))->hosts) : 1;
}

unsigned peers_count_hosts(const struct peers *p)
{
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->hosts); i++)
                n += (unsigned) __builtin_popcountll(p->hosts[i]);
        return n;
}

bool peers_is_rare(unsigned users, unsigned hosts)
{
        return users <= 2 && hosts >= users * HOSTS_PER_USER;
}

bool peers_may_be_rare(unsigned users, unsigned hosts)
{
        return users <= 2 || (users < USERS_MANY && hosts >= users * HOSTS_PER_USER);
}

static void keep_name(struct peers *p, uint64_t host, const struct addr *remote, uint32_t stamp)
{
        bool created;

        ways_insert(&p->names, ways_mix(host, ways_hash(remote)), stamp, &created)->stamp = stamp;
}

void peers_note_answer(struct peers *p, const struct dns_event *d, uint32_t stamp)
{
        uint64_t host = host_hash(&d->ends.local);

        p->askers[host % PEERS_ASKERS / 64] |= 1ull << host % 64;
        for (uint16_t i = 0; i < d->n_addrs; i++)
                keep_name(p, host, &d->addrs[i], stamp);
}

void peers_note_name(struct peers *p, const struct addr *local, const struct addr *remote, uint32_t stamp)
{
        keep_name(p, host_hash(local), remote, stamp);
}

int peers_is_named(const struct peers *p, const struct addr *local, const struct addr *remote)
{
        uint64_t host = host_hash(local);

        if (ways_find(&p->names, ways_mix(host, ways_hash(remote))))
                return 1;
        return p->askers[host % PEERS_ASKERS / 64] >> host % 64 & 1 ? 0 : -1;
}

bool peers_is_address(const char *host, size_t len)
{
        bool v6 = len && host[0] == '[';

        for (size_t i = 0; i < len; i++)
                if (!v6 && (host[i] < '0' || host[i] > '9') && host[i] != '.' && host[i] != ':')
                        return false;
        return true;
}

void peers_note_app(struct peers *p, const struct event *flow)
{
        if (flow->flow.app != APP_UNKNOWN)
                p->readers |= 1u << (flow->source & 31);
}

bool peers_is_unknown_app(const struct peers *p, const struct event *flow)
{
        /* Nothing but a file is no protocol, either. */
        return (flow->flow.app == APP_UNKNOWN || flow->flow.app == APP_FILE) && p->readers >> (flow->source & 31) & 1;
}

/* As IANA's registry or the makers' manuals name them, sorted. Above 1023 nearly every number is registered for
 * something, so a number's mere presence in the registry says nothing: these are in wide use. */
static const uint16_t service_ports[] = {
        1080,  /* SOCKS */
        1194,  /* OpenVPN */
        1433,  /* Microsoft SQL Server */
        1521,  /* Oracle */
        1701,  /* L2TP */
        1723,  /* PPTP */
        1883,  /* MQTT */
        1935,  /* RTMP: who streams sends only */
        2049,  /* NFS */
        2083,  /* cPanel */
        2222,  /* SSH moved */
        2525,  /* mail submission */
        2598,  /* Citrix */
        3128,  /* Squid */
        3306,  /* MySQL */
        3389,  /* RDP */
        3478,  /* STUN, TURN */
        3690,  /* Subversion */
        4222,  /* NATS */
        4433,  /* HTTPS moved */
        4443,  /* HTTPS moved */
        4505,  /* Salt */
        4506,  /* Salt */
        5000,  /* HTTP: Synology and others */
        5001,  /* iperf, HTTPS: Synology */
        5044,  /* Beats to Logstash */
        5060,  /* SIP */
        5061,  /* SIP over TLS */
        5201,  /* iperf3 */
        5222,  /* XMPP, WhatsApp, Google Talk */
        5223,  /* Apple push */
        5228,  /* Google push */
        5229,  /* Google push */
        5230,  /* Google push */
        5242,  /* Viber */
        5269,  /* XMPP between servers */
        5349,  /* STUN, TURN over TLS */
        5432,  /* PostgreSQL */
        5671,  /* AMQP over TLS */
        5672,  /* AMQP */
        5900,  /* VNC */
        5901,  /* VNC */
        5938,  /* TeamViewer */
        6379,  /* Redis */
        6443,  /* Kubernetes */
        6514,  /* syslog over TLS */
        6568,  /* AnyDesk */
        7070,  /* AnyDesk, RTSP */
        8000,  /* HTTP */
        8008,  /* HTTP */
        8022,  /* SSH moved */
        8080,  /* HTTP, Ookla's measurements */
        8081,  /* HTTP */
        8086,  /* InfluxDB */
        8088,  /* HTTP, Splunk */
        8089,  /* Splunk */
        8333,  /* Bitcoin */
        8443,  /* HTTPS */
        8554,  /* RTSP */
        8728,  /* MikroTik */
        8801,  /* Zoom */
        8883,  /* MQTT over TLS */
        8888,  /* HTTP */
        9000,  /* HTTP, S3 (MinIO) */
        9092,  /* Kafka */
        9093,  /* Kafka */
        9100,  /* printers */
        9102,  /* Bacula */
        9103,  /* Bacula */
        9200,  /* Elasticsearch */
        9418,  /* git */
        9443,  /* HTTPS */
        9997,  /* Splunk */
        10050, /* Zabbix */
        10051, /* Zabbix */
        11211, /* memcached */
        12201, /* Graylog */
        19294, /* Google Voice */
        21115, /* RustDesk */
        21116, /* RustDesk */
        21117, /* RustDesk */
        22000, /* Syncthing */
        24224, /* Fluentd */
        25565, /* Minecraft */
        27017, /* MongoDB */
        55415, /* UrBackup */
};

bool peers_is_service(uint16_t port)
{
        size_t low = 0, high = ELEMENTSOF(service_ports);

        if (port < 1024)
                return true;
        while (low < high) {
                size_t middle = (low + high) / 2;

                if (service_ports[middle] == port)
                        return true;
                if (service_ports[middle] < port)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}
