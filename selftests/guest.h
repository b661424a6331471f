/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest made by hand, through the module's interface alone: a few bytes of
 * code, a page table with what they touch, no descriptor tables. So every
 * exception ends it (DUNE_EXIT_SHUTDOWN).
 */
#ifndef DUNE_SELFTESTS_GUEST_H
#define DUNE_SELFTESTS_GUEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu_state.h"

#define GUEST_TABLES	32
#define GUEST_ENTRIES	512
#define GUEST_CODE_SIZE	4096
#define WINDOW_MASK	((1UL << DUNE_WINDOW_SHIFT) - 1)

/* Page-table entries of the guest. */
#define GUEST_PRESENT	1UL
#define GUEST_WRITE	2UL
#define GUEST_LARGE	128UL

struct guest {
	int dune;
	int vcpu;
	struct dune_info info;
	struct dune_run *run;
	uint8_t *code;
	uint8_t *code_end;
	uint64_t (*tables)[GUEST_ENTRIES];
	int used;
};

/* Where the guest finds an address of the process, 0 if nowhere. */
static inline uint64_t guest_physical(struct guest *guest, const void *address)
{
	struct dune_window window = { .address = (uint64_t)address };

	if (ioctl(guest->vcpu, DUNE_GET_WINDOW, &window))
		return 0;
	return window.guest_physical + ((uint64_t)address & WINDOW_MASK);
}

/* The table below an entry, made if there is none. */
static inline uint64_t *guest_table(struct guest *guest, uint64_t *entry)
{
	int i;

	for (i = 1; i < guest->used; i++)
		if ((*entry & ~0xfffUL) ==
		    guest_physical(guest, guest->tables[i]))
			return guest->tables[i];
	*entry = guest_physical(guest, guest->tables[guest->used]) |
		 GUEST_PRESENT | GUEST_WRITE;
	return guest->tables[guest->used++];
}

/* The entry for the 2 MiB around an address. */
static inline uint64_t *guest_entry(struct guest *guest, const void *address)
{
	uint64_t linear = (uint64_t)address;
	uint64_t *table = guest->tables[0];

	table = guest_table(guest, &table[linear >> 39 & 511]);
	table = guest_table(guest, &table[linear >> 30 & 511]);
	return &table[linear >> 21 & 511];
}

/* Lets the guest see the 2 MiB around an address. */
static inline void guest_map(struct guest *guest, const void *address)
{
	*guest_entry(guest, address) =
		(guest_physical(guest, address) & ~0x1fffffUL) |
		GUEST_PRESENT | GUEST_WRITE | GUEST_LARGE;
}

static inline void *guest_alloc(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static inline void guest_emit(struct guest *guest, const void *bytes,
			      size_t len)
{
	memcpy(guest->code_end, bytes, len);
	guest->code_end += len;
}

static inline void guest_emit_hypercall(struct guest *guest)
{
	guest_emit(guest, guest->info.hypercall, guest->info.hypercall_len);
}

/* Starts the code anew. */
static inline void guest_reset_code(struct guest *guest)
{
	guest->code_end = guest->code;
	guest->run->regs.rip = (uint64_t)guest->code;
	guest->run->regs.rflags = 0x202;
}

/* On a virtual CPU that is new; 0 or a negative errno. */
static inline int guest_create_on(struct guest *guest, int vcpu)
{
	struct dune_state state;

	guest->vcpu = vcpu;
	if (guest->vcpu < 0)
		return -errno;
	if (ioctl(guest->dune, DUNE_GET_INFO, &guest->info))
		return -errno;
	guest->run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			  guest->vcpu, 0);
	guest->tables = guest_alloc(GUEST_TABLES * sizeof(guest->tables[0]));
	guest->used = 1;
	guest->code = mmap(NULL, GUEST_CODE_SIZE,
			   PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guest->run == MAP_FAILED || guest->tables == MAP_FAILED ||
	    guest->code == MAP_FAILED)
		return -ENOMEM;
	guest_map(guest, guest->code);
	if (ioctl(guest->vcpu, DUNE_GET_STATE, &state))
		return -errno;
	state.cr3 = guest_physical(guest, guest->tables[0]);
	if (ioctl(guest->vcpu, DUNE_SET_STATE, &state))
		return -errno;
	guest_reset_code(guest);
	return 0;
}

/* Returns 0 or a negative errno; -ENOENT when the module is not loaded. */
static inline int guest_create(struct guest *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest->dune = dune_open();
	if (guest->dune < 0)
		return -errno;
	return guest_create_on(guest, dune_create_vcpu(guest->dune));
}

static inline void guest_destroy(struct guest *guest)
{
	munmap(guest->code, GUEST_CODE_SIZE);
	munmap(guest->tables, GUEST_TABLES * sizeof(guest->tables[0]));
	munmap(guest->run, 4096);
	close(guest->vcpu);
	close(guest->dune);
}

/* Runs it until it comes out for a reason of its own. */
static inline int guest_run(struct guest *guest)
{
	int ret;

	do {
		ret = ioctl(guest->vcpu, DUNE_RUN);
	} while (!ret && guest->run->exit_reason == DUNE_EXIT_RESUME);
	return ret;
}

#endif /* DUNE_SELFTESTS_GUEST_H */
