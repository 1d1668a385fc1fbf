/* Durations in nanoseconds, counted in buckets that are at most 1/64 wide of what is in them. */

#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

void histogram_add(uint64_t duration);
void histogram_clear(void);

/* Write the percentiles as an object of JSON, in microseconds; null if there is nothing. */
void histogram_print(FILE *file);

#endif
