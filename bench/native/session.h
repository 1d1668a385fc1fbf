/* A session of the Centrifuge protocol in JSON, as far as these loads need one. */

#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include "load.h"

struct session {
    uint64_t offset; /* of the last publication */
    char epoch[64];
    int returning;  /* whether it has a position to recover from */
    int recovered;  /* whether the server said that it did */
    uint64_t heard; /* publications */
};

enum line { NOTHING, CONNECTED, SUBSCRIBED, PUBLICATION, REPLY };

/* Send connect and subscribe in one message; a returning session asks to be recovered. */
void session_begin(struct session *session, struct connection *connection);

/* Send connect alone. */
void session_connect(struct connection *connection);

/* Take a line, and say what it was. A ping is answered; an error, or a gap, ends the program. */
enum line session_line(struct session *session, struct connection *connection, const char *line,
                       size_t length);

/* Cut the next line off, NULL after the last one. */
const char *next_line(const char **at, const char *end, size_t *length);

/* The payload of a publication, as JSON of options.size bytes, and its length. */
size_t publication(char *to, uint64_t number);

/* Send a publication as a command; its id is its number and 3. */
void session_publish(struct connection *connection, uint64_t number);

#endif
