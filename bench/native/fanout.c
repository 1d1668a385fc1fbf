/* One connection sends, and every connection, itself too, receives each message in order. */

#include "load.h"

#include <stdlib.h>
#include <string.h>

static struct connection *publisher;
static size_t opened;
static uint64_t *times, *missing; /* of the messages in flight */

static void begin(void) {
    times = calloc(options.in_flight, sizeof *times);
    missing = calloc(options.in_flight, sizeof *missing);
    payload_begin(options.size, options.text);
    open_connections(0, options.connections);
}

static void publish(void) {
    uint64_t number = publisher->sent++;
    missing[number % options.in_flight] = options.connections;
    times[number % options.in_flight] = now();
    queue_message(publisher, options.text ? TEXT : BINARY, payload(number, 0), options.size);
    transmit(publisher);
}

static void open_one(struct connection *connection) {
    if (connection->id == 0)
        publisher = connection;
    if (++opened < options.connections)
        return;
    measure();
    for (size_t i = 0; i < options.in_flight; i++)
        publish();
}

static void message(struct connection *connection, int opcode, const uint8_t *data, size_t size) {
    uint64_t number = connection->heard;
    if (!publisher || number == publisher->sent)
        fail("connection %u has received what was not sent", connection->id);
    if (opcode != (options.text ? TEXT : BINARY) || size != options.size ||
        memcmp(data, payload(number, 0), size))
        fail("message %llu at connection %u is not what was sent", (unsigned long long)number,
             connection->id);
    connection->heard++;
    latency(turn_time > times[number % options.in_flight]
                ? turn_time - times[number % options.in_flight]
                : 0);
    count(1);
    if (--missing[number % options.in_flight] == 0)
        publish();
}

const struct load fanout_load = {.name = "fanout",
                                 .unit = "delivery",
                                 .begin = begin,
                                 .opened = open_one,
                                 .message = message};
