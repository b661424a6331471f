/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages of memory, counted, for page tables and for the program. */
#ifndef DUNE_PAGE_H
#define DUNE_PAGE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DUNE_PAGE_SIZE		4096UL
#define DUNE_PAGE_SIZE_2M	(2UL << 20)
#define DUNE_PAGE_SIZE_1G	(1UL << 30)

/*
 * All of these may be called after dune_init(), by any thread, in a handler of
 * libdune as well; in a signal handler only in Dune. They take no memory of
 * malloc() and a time that does not depend on how many pages there are. A child
 * of fork() has copies of all pages.
 *
 * The pages are in libdune's own range: every page root shows them to ring 0,
 * and none to ring 3 unless they are mapped elsewhere. dune_map() does not
 * count a page that it maps: who maps it does.
 */

/**
 * dune_page_alloc() - a page of 4 KiB
 *
 * Return: the page, all zero, with a count of one; NULL without memory.
 */
void *dune_page_alloc(void);

/**
 * dune_page_alloc_large() - a page of 2 MiB, aligned to that
 *
 * Description: Transparent huge pages are asked for.
 *
 * Return: as dune_page_alloc().
 */
void *dune_page_alloc_large(void);

/**
 * dune_page_get() - count one more user of a page
 * @page: any address in a page that is in use
 */
void dune_page_get(void *page);

/**
 * dune_page_put() - count one user less; without any the page is free
 * @page: any address in a page that is in use
 *
 * Memory goes back to the kernel by 2 MiB.
 */
void dune_page_put(void *page);

/**
 * dune_page_count() - how many users a page has
 * @page: any address
 *
 * Return: the count; 0 for a page that is free or no page of these.
 */
unsigned int dune_page_count(const void *page);

/**
 * struct dune_page_stats - memory of the allocator
 * @reserved: bytes of address space
 * @used: bytes of pages in use, by the program and libdune itself
 * @large: pages of 2 MiB among them
 * @kept: bytes that are free but not given back
 */
struct dune_page_stats {
	uint64_t reserved, used, large, kept;
};

/**
 * dune_page_get_stats() - what the allocator has
 * @stats: filled
 */
void dune_page_get_stats(struct dune_page_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* DUNE_PAGE_H */
