/* The load generator: one thread, one core, every answer checked.
 *
 *     load KIND --port P --server PID [--connections N] [--in-flight N] [--size BYTES] ...
 *
 * It writes one line of JSON: operations, seconds, processor time of the server and of its own,
 * latencies; or an error, and then the exit status is 1. The server's processor time is read off
 * its clock in the same moments in which the counting begins and ends.
 */

#include "load.h"
#include "histogram.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* On a busy machine it is measured for longer, up to so many times, until the server has worked. */
enum { EVENTS = 1024, SPREAD = 4096, PATIENCE = 10, GRACE = 120, LONGER = 6 };

struct options options = {.connections = 1,
                          .in_flight = 1,
                          .size = 64,
                          .concurrency = 128,
                          .warmup = 0.3,
                          .seconds = 1.0,
                          .path = "/",
                          .channel = ""};
const struct load *load;
uint64_t turn_time;

static const struct load *const loads[] = {&echo_load, &fanout_load,  &handshake_load,
                                           &idle_load, &publish_load, &storm_load};
static int poller;
static struct sockaddr_in server = {.sin_family = AF_INET};
static uint32_t next_id;
static size_t unopened, opening;
static uint64_t operations, measuring, measured, last_event;
static double server_before, own_before;
static clockid_t server_clock;
static uint8_t *pattern;

uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static double read_clock(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) < 0)
        return 0;
    return time.tv_sec + time.tv_nsec / 1e9;
}

void fail(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("{\"error\": \"");
    for (const char *c = text; *c; c++)
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else
            putchar(*c < ' ' || *c > '~' ? ' ' : *c);
    printf("\"}\n");
    fflush(stdout);
    _exit(1);
}

/* -- what is sent ------------------------------------------------------------------------------- */

void payload_begin(size_t size, int text) {
    uint64_t seed = 0x9e3779b97f4a7c15ull;
    pattern = malloc(size + SPREAD);
    if (!pattern)
        fail("out of memory");
    for (size_t i = 0; i < size + SPREAD; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        pattern[i] = text ? "abcdefghijklmnopqrstuvwxyz 0123456789"[seed % 37] : (uint8_t)seed;
    }
}

const uint8_t *payload(uint64_t number, uint32_t id) {
    return pattern + (number * 31 + id * 17) % SPREAD;
}

/* -- what is measured --------------------------------------------------------------------------- */

void count(uint64_t more) { operations += more; }

void latency(uint64_t nanoseconds) { histogram_add(nanoseconds); }

void measure(void) {
    if (!measuring)
        measuring = now() + (uint64_t)(options.warmup * 1e9);
}

void measure_now(void) {
    operations = 0;
    histogram_clear();
    own_before = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    server_before = options.server ? read_clock(server_clock) : 0;
    measured = now();
}

void finish(void) {
    double seconds = (now() - measured) / 1e9;
    double spent = options.server ? read_clock(server_clock) - server_before : 0;
    double own = read_clock(CLOCK_PROCESS_CPUTIME_ID) - own_before;
    printf("{\"kind\": \"%s\", \"unit\": \"%s\", \"operations\": %llu, \"seconds\": %.6f, "
           "\"server_cpu\": %.6f, \"load_cpu\": %.6f, \"compressed\": %s, \"latency\": ",
           load->name, load->unit, (unsigned long long)operations, seconds, spent, own,
           compression_agreed ? "true" : "false");
    histogram_print(stdout);
    if (load->summary)
        load->summary();
    printf("}\n");
    fflush(stdout);
    _exit(0);
}

static void keep_time(void) {
    if (measuring && turn_time >= measuring) {
        measuring = 0;
        measure_now();
        return;
    }
    if (!measured || load->ends_itself)
        return;
    double elapsed = (turn_time - measured) / 1e9;
    if (turn_time < measured || elapsed < options.seconds)
        return;
    if (elapsed >= LONGER * options.seconds || !options.server ||
        read_clock(server_clock) - server_before >= options.work)
        finish();
}

/* -- connections -------------------------------------------------------------------------------- */

void open_connections(uint32_t first, size_t number) {
    if (!unopened)
        next_id = first;
    unopened += number;
}

static void begin_some(void) {
    while (unopened && opening < options.concurrency) {
        unopened--;
        opening++;
        connection_new(poller, next_id++, &server);
    }
}

void connection_opened(struct connection *connection) {
    opening--;
    load->opened(connection);
}

/* Its end is as good as any number of lines. */
static void hear_input(void) {
    char text[256];
    ssize_t got = read(0, text, sizeof text);
    size_t lines = 0;
    for (ssize_t i = 0; i < got; i++)
        lines += text[i] == '\n';
    if (got <= 0) {
        epoll_ctl(poller, EPOLL_CTL_DEL, 0, NULL);
        lines = SIZE_MAX / 2;
    }
    load->told(lines);
}

static void turn(void) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, options.rate > 0 ? 0 : 200);
    if (ready < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    turn_time = now();
    if (ready > 0)
        last_event = turn_time;
    else if (!load->told && turn_time - last_event > PATIENCE * 1000000000ull)
        fail("nothing has happened for %d seconds", PATIENCE);
    for (int i = 0; i < ready; i++) {
        if (events[i].data.ptr) {
            connection_serve(events[i].data.ptr, events[i].events);
        } else {
            hear_input();
        }
    }
    if (load->turn)
        load->turn();
    begin_some();
    keep_time();
}

/* -- the command line --------------------------------------------------------------------------- */

static void parse(int argc, char **argv) {
    static const struct option known[] = {
        {"port", 1, NULL, 'p'},        {"server", 1, NULL, 'P'},   {"connections", 1, NULL, 'n'},
        {"in-flight", 1, NULL, 'f'},   {"size", 1, NULL, 's'},     {"concurrency", 1, NULL, 'c'},
        {"rate", 1, NULL, 'r'},        {"warmup", 1, NULL, 'w'},   {"seconds", 1, NULL, 't'}, {"work", 1, NULL, 'W'},
        {"path", 1, NULL, 'a'},        {"channel", 1, NULL, 'C'},  {"text", 0, &options.text, 1},
        {"compression", 0, &options.compression, 1},               {"tls", 0, &options.tls, 1},
        {0}};
    for (int found; (found = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        switch (found) {
        case 'p': options.port = atoi(optarg); break;
        case 'P': options.server = atoi(optarg); break;
        case 'n': options.connections = strtoul(optarg, NULL, 10); break;
        case 'f': options.in_flight = strtoul(optarg, NULL, 10); break;
        case 's': options.size = strtoul(optarg, NULL, 10); break;
        case 'c': options.concurrency = strtoul(optarg, NULL, 10); break;
        case 'r': options.rate = atof(optarg); break;
        case 'w': options.warmup = atof(optarg); break;
        case 't': options.seconds = atof(optarg); break;
        case 'W': options.work = atof(optarg); break;
        case 'a': options.path = optarg; break;
        case 'C': options.channel = optarg; break;
        case 0: break;
        default: exit(2);
        }
    }
    for (size_t i = 0; optind < argc && i < sizeof loads / sizeof *loads; i++)
        if (!strcmp(loads[i]->name, argv[optind]))
            load = loads[i];
    if (!load || !options.port || !options.connections || !options.in_flight) {
        fprintf(stderr, "usage: %s echo|fanout|handshake|idle|publish|storm --port P ...\n",
                argv[0]);
        exit(2);
    }
}

int main(int argc, char **argv) {
    parse(argc, argv);
    /* Whatever happens, it ends. */
    alarm((unsigned)(options.warmup + LONGER * options.seconds) + GRACE);
    server.sin_port = htons(options.port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (options.server && clock_getcpuclockid(options.server, &server_clock))
        fail("there is no process %d", options.server);
    if (options.tls && tls_begin(NULL, NULL) < 0)
        fail("there was no OpenSSL to build with");
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (load->told) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &event) < 0)
            fail("the standard input cannot be waited for");
    }
    last_event = turn_time = now();
    load->begin();
    begin_some();
    for (;;)
        turn();
}
