/* Connections that are opened and closed, as many as the server answers, so many at once. */

#include "load.h"

static void begin(void) {
    options.concurrency = options.connections;
    open_connections(0, options.connections);
    measure();
}

static void opened(struct connection *connection) {
    latency(now() - connection->began);
    uint32_t id = connection->id;
    close_connection(connection);
    count(1);
    open_connections(id + 1, 1);
}

const struct load handshake_load = {
    .name = "handshake", .unit = "handshake", .begin = begin, .opened = opened};
