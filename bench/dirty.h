/* SPDX-License-Identifier: GPL-2.0-only */
/* Which pages were written to: what is measured, and the ways to know. */
#ifndef BENCH_DIRTY_H
#define BENCH_DIRTY_H

#include "memory.h"

#define DIRTY_PAGES	65536UL		/* that are looked after */
#define DIRTY_SIZE	(DIRTY_PAGES * SMALL)
#define DIRTY_EVERY	16UL		/* of them one is written to */

/* The pages. */
extern char *dirty_memory;

/**
 * dirty_begin() - what begin() of each way calls first
 * @arm: called before the pages are written to; NULL where @collect does it
 * @collect: called after that; returns how many were, or a negative errno
 */
void dirty_begin(void (*arm)(void), long (*collect)(void));

/* For those who hear of each write: note it; and how many there were. */
void dirty_note(char *address);
long dirty_noted(void);

/* Of userfaultfd: begin() of each. */
int dirty_by_userfault_thread(void);
int dirty_by_userfault_signal(void);
int dirty_by_pagemap_scan(void);

#endif /* BENCH_DIRTY_H */
