#include "histogram.h"

#include <string.h>

enum { FINE = 6, BUCKETS = (64 - FINE + 1) << FINE };

static uint64_t counts[BUCKETS], total, largest;

static unsigned bucket(uint64_t duration) {
    if (duration < 1 << FINE)
        return duration;
    unsigned shift = 63 - __builtin_clzll(duration) - FINE;
    return (shift << FINE) + (unsigned)(duration >> shift);
}

/* The middle of a bucket. */
static double middle(unsigned index) {
    if (index < 2 << FINE)
        return index;
    unsigned shift = (index >> FINE) - 1;
    uint64_t low = (uint64_t)(index - (shift << FINE)) << shift;
    return low + ((1ull << shift) - 1) / 2.0;
}

void histogram_add(uint64_t duration) {
    counts[bucket(duration)]++;
    total++;
    if (duration > largest)
        largest = duration;
}

void histogram_clear(void) {
    memset(counts, 0, sizeof counts);
    total = largest = 0;
}

void histogram_print(FILE *file) {
    static const struct {
        const char *name;
        double share;
    } wanted[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    if (!total) {
        fputs("null", file);
        return;
    }
    fputc('{', file);
    uint64_t seen = 0;
    unsigned at = 0;
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        while (seen + counts[at] < wanted[i].share * total)
            seen += counts[at++];
        double value = middle(at) < largest ? middle(at) : largest;
        fprintf(file, "\"%s\": %.1f, ", wanted[i].name, value / 1e3);
    }
    fprintf(file, "\"max\": %.1f}", largest / 1e3);
}
