/* What of RFC 6455 both programs here need: the key of a handshake, and frames. */

#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

enum { HEAD_MAX = 14, ACCEPT_SIZE = 28 };

/* A frame's head (section 5.2). */
struct frame {
    uint8_t fin;
    uint8_t rsv; /* the three bits as they stand in the byte: 0x40 is RSV1 */
    uint8_t opcode;
    uint8_t masked;
    uint8_t mask[4];
    size_t head; /* bytes before the payload */
    size_t size; /* bytes of payload */
};

/* Read a head: 1 if it is all there, 0 if more is needed. */
int frame_read(struct frame *frame, const uint8_t *data, size_t length);

/* Write a head and return its length; mask is NULL for a server's. first is the first byte. */
size_t frame_write(uint8_t *out, uint8_t first, size_t size, const uint8_t *mask);

/* XOR with a key of four bytes; to and from may be the same, or to may lie before from. */
void mask_copy(uint8_t *to, const uint8_t *from, size_t size, const uint8_t *key);

/* The value of Sec-WebSocket-Accept (section 4.2.2) for a key, ACCEPT_SIZE characters. */
void accept_key(char *out, const char *key, size_t length);

#endif
