/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that benchmarks use up. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stddef.h>

#define SMALL	4096UL
#define LARGE	(2UL << 20)

/* How pages come: as they are touched, or all at once. */
enum memory { MEMORY_ABSENT, MEMORY_PRESENT };

/**
 * memory_map() - anonymous memory, aligned to 2 MiB
 * @size: in bytes
 * @page: the size of its pages, SMALL or LARGE
 * @state: whether the process has them already
 *
 * Ends the figure where pages of 2 MiB cannot be had.
 *
 * Return: the first byte.
 */
char *memory_map(size_t size, size_t page, enum memory state);

/**
 * memory_need() - end the figure where there is not so much free memory
 * @size: in bytes
 */
void memory_need(size_t size);

/**
 * memory_available() - what may be used without swapping
 *
 * Return: bytes.
 */
size_t memory_available(void);

/**
 * memory_number() - a number that the kernel tells in a file
 * @path: "/proc/meminfo"
 * @format: of its line, for scanf(): "MemAvailable: %lu"
 *
 * Return: the sum over all lines that match, 0 if none does.
 */
unsigned long memory_number(const char *path, const char *format);

/* Writes a byte every @step bytes; in assembly, or it would be left out. */
static inline void memory_touch(char *memory, size_t size, size_t step)
{
	char *byte;

	for (byte = memory; byte < memory + size; byte += step)
		__asm__ volatile("movb $1, %0" : "=m" (*byte));
}

/* Reads one. */
static inline void memory_read(const char *memory, size_t size, size_t step)
{
	const char *byte;

	for (byte = memory; byte < memory + size; byte += step)
		__asm__ volatile("cmpb $0, %0" : : "m" (*byte) : "cc");
}

#endif /* BENCH_MEMORY_H */
