/* Messages to and fro: each connection has so many in flight, or so many are sent each second. */

#include "load.h"

#include <stdlib.h>
#include <string.h>

static struct connection **connections;
static size_t opened, turns;
static double due; /* when the next message is to be sent, at a rate */

static void begin(void) {
    connections = calloc(options.connections, sizeof *connections);
    payload_begin(options.size, options.text);
    open_connections(0, options.connections);
}

static void send_one(struct connection *connection, uint64_t time) {
    connection->times[connection->sent % options.in_flight] = time;
    queue_message(connection, options.text ? TEXT : BINARY,
                  payload(connection->sent, connection->id), options.size);
    connection->sent++;
}

static void start(void) {
    due = now();
    measure();
    if (options.rate > 0)
        return;
    for (size_t i = 0; i < options.connections; i++) {
        for (size_t j = 0; j < options.in_flight; j++)
            send_one(connections[i], now());
        transmit(connections[i]);
    }
}

static void open_one(struct connection *connection) {
    connection->times = calloc(options.in_flight, sizeof *connection->times);
    connections[connection->id] = connection;
    if (++opened == options.connections)
        start();
}

static void message(struct connection *connection, int opcode, const uint8_t *data, size_t size) {
    if (connection->heard == connection->sent)
        fail("connection %u has received an echo of nothing", connection->id);
    if (opcode != (options.text ? TEXT : BINARY) || size != options.size ||
        memcmp(data, payload(connection->heard, connection->id), size))
        fail("echo %llu of connection %u is not what was sent",
             (unsigned long long)connection->heard, connection->id);
    /* The moment that counts is when the kernel said that it is here, not when its turn came. */
    latency(turn_time - connection->times[connection->heard % options.in_flight]);
    connection->heard++;
    count(1);
    if (options.rate <= 0)
        send_one(connection, turn_time);
}

/* What is late is sent late, and its latency counts from when it was due. */
static void turn(void) {
    if (options.rate <= 0 || opened < options.connections)
        return;
    while (due <= turn_time) {
        struct connection *connection = connections[turns % options.connections];
        if (connection->sent - connection->heard == options.in_flight)
            return;
        send_one(connection, (uint64_t)due);
        transmit(connection);
        due += 1e9 / options.rate;
        turns++;
    }
}

const struct load echo_load = {
    .name = "echo", .unit = "message", .begin = begin, .opened = open_one, .message = message,
    .turn = turn};
