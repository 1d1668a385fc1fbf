/* What the parts of the load generator share: the options, connections, and the kinds of load. */

#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "stream.h"
#include "wire.h"

#include <stddef.h>
#include <stdint.h>

struct options {
    int port;
    int server;         /* the server's process id, 0 if nobody wants to know */
    size_t connections; /* that take part */
    size_t in_flight;   /* messages on their way: of each connection, or of the publisher */
    size_t size;        /* bytes in a message */
    size_t concurrency; /* connections that are being opened at once */
    double rate;        /* messages in a second; 0 for as many as are answered */
    double warmup, seconds;
    double work; /* the least of the server's processor time to measure, in seconds */
    const char *path, *channel;
    int text, compression, tls;
};

extern struct options options;

enum state { CONNECTING, SECURING, UPGRADING, OPEN };

struct connection {
    struct stream stream;
    enum state state;
    int writing;      /* whether the poller waits for writability */
    uint32_t id;      /* counted from 0 */
    uint64_t began;   /* when it was begun */
    uint64_t sent;    /* messages */
    uint64_t heard;   /* messages */
    uint64_t *times;  /* when the messages in flight were sent */
    uint8_t *in;      /* what is not a whole frame yet */
    size_t in_length, in_room;
    uint8_t *out; /* what is not sent yet */
    size_t out_length, out_room;
    uint8_t *message; /* fragments of a message that is not complete */
    size_t message_length, message_room;
    uint8_t opcode, compressed; /* of that message */
    void *inflater;
    int takeover; /* whether the server's compressor remembers earlier messages */
};

struct load {
    const char *name, *unit;
    int ends_itself;                  /* rather than after options.seconds */
    void (*begin)(void);              /* the options are known */
    void (*opened)(struct connection *); /* the upgrade is answered */
    /* May be NULL where no message is expected. What it queues leaves with the input's end. */
    void (*message)(struct connection *, int opcode, const uint8_t *data, size_t size);
    void (*turn)(void);               /* once in each turn of the loop; may be NULL */
    void (*told)(size_t);             /* so many lines are on the standard input; may be NULL */
    void (*summary)(void);            /* print further members of the outcome; may be NULL */
};

extern const struct load echo_load, fanout_load, handshake_load, idle_load, publish_load,
    storm_load;
extern const struct load *load;

/* The time in nanoseconds, as of the beginning of the turn, and as it is now. */
extern uint64_t turn_time;
uint64_t now(void);

/* Count operations; the clock runs from the first call of measure() on, with a warm-up before. */
void count(uint64_t operations);
void latency(uint64_t nanoseconds);
void measure(void);

/* For loads that have an end of their own: begin without a warm-up, and end. */
void measure_now(void);
void finish(void);

/* End with an error, which is the outcome. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Open connections, a bounded number at once; every one is reported to load->opened. Their ids
   go on from first. */
void open_connections(uint32_t first, size_t number);
void close_connection(struct connection *connection);

/* Queue a message, masked; nothing leaves before transmit(). */
void queue_message(struct connection *connection, int opcode, const uint8_t *data, size_t size);
void transmit(struct connection *connection);

/* What a message has to be: size bytes that depend on its number and who sends it. */
const uint8_t *payload(uint64_t number, uint32_t id);
void payload_begin(size_t size, int text);

/* Whether the server has agreed on compression, for all of them alike. */
extern int compression_agreed;

/* The socket's side, between load.c and connection.c. */
struct sockaddr_in;
struct connection *connection_new(int poller, uint32_t id, const struct sockaddr_in *server);
void connection_serve(struct connection *connection, uint32_t events);
void connection_opened(struct connection *connection);

#endif
