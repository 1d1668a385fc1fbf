#include "wire.h"

#include <string.h>

int frame_read(struct frame *frame, const uint8_t *data, size_t length) {
    if (length < 2)
        return 0;
    frame->fin = data[0] >> 7;
    frame->rsv = data[0] & 0x70;
    frame->opcode = data[0] & 0x0f;
    frame->masked = data[1] >> 7;
    size_t size = data[1] & 0x7f;
    size_t at = 2;
    int wide = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (length < at + wide + 4u * frame->masked)
        return 0;
    if (wide) {
        size = 0;
        for (int i = 0; i < wide; i++)
            size = size << 8 | data[at++];
    }
    if (frame->masked) {
        memcpy(frame->mask, data + at, 4);
        at += 4;
    }
    frame->head = at;
    frame->size = size;
    return 1;
}

size_t frame_write(uint8_t *out, uint8_t first, size_t size, const uint8_t *mask) {
    uint8_t bit = mask ? 0x80 : 0;
    size_t at = 2;
    int wide = size < 126 ? 0 : size < 65536 ? 2 : 8;
    out[0] = first;
    out[1] = bit | (wide == 0 ? size : wide == 2 ? 126 : 127);
    for (int i = wide - 1; i >= 0; i--)
        out[at++] = (uint64_t)size >> (8 * i);
    if (mask) {
        memcpy(out + at, mask, 4);
        at += 4;
    }
    return at;
}

void mask_copy(uint8_t *to, const uint8_t *from, size_t size, const uint8_t *key) {
    uint32_t once;
    memcpy(&once, key, 4);
    uint64_t twice = (uint64_t)once << 32 | once;
    size_t at = 0;
    /* Eight blocks of eight are loaded before any is stored: the compiler makes vectors of them,
       and an overlap that moves to the front is safe. */
    for (; at + 64 <= size; at += 64) {
        uint64_t words[8];
        memcpy(words, from + at, 64);
        for (int i = 0; i < 8; i++)
            words[i] ^= twice;
        memcpy(to + at, words, 64);
    }
    for (; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy(&word, from + at, 8);
        word ^= twice;
        memcpy(to + at, &word, 8);
    }
    for (; at < size; at++)
        to[at] = from[at] ^ key[at & 3];
}

static uint32_t rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

static void sha1_block(uint32_t *state, const uint8_t *block) {
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20)
            f = (b & c) | (~b & d), k = 0x5a827999;
        else if (i < 40)
            f = b ^ c ^ d, k = 0x6ed9eba1;
        else if (i < 60)
            f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
        else
            f = b ^ c ^ d, k = 0xca62c1d6;
        uint32_t next = rotate(a, 5) + f + e + k + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

void accept_key(char *out, const char *key, size_t length) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t block[128] = {0};
    if (length > 64)
        length = 64; /* a key has 24; a longer one is answered wrongly */
    memcpy(block, key, length);
    memcpy(block + length, guid, 36);
    size_t total = length + 36;
    block[total] = 0x80;
    size_t blocks = total + 9 <= 64 ? 1 : 2;
    for (int i = 0; i < 8; i++)
        block[64 * blocks - 1 - i] = (uint64_t)total * 8 >> (8 * i);
    for (size_t i = 0; i < blocks; i++)
        sha1_block(state, block + 64 * i);
    uint8_t sum[21] = {0};
    for (int i = 0; i < 20; i++)
        sum[i] = state[i / 4] >> (24 - 8 * (i % 4));
    for (int i = 0; i < 7; i++) {
        uint32_t three = sum[3 * i] << 16 | sum[3 * i + 1] << 8 | sum[3 * i + 2];
        for (int j = 0; j < 4; j++)
            out[4 * i + j] = digits[three >> (18 - 6 * j) & 63];
    }
    out[ACCEPT_SIZE - 1] = '=';
}
