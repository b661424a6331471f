// SPDX-License-Identifier: LGPL-2.1-or-later
/* Guest-physical memory: gibibytes of the process, as the module hands them out. */
#include "internal.h"
#include "table.h"

#include <errno.h>
#include <sys/syscall.h>

/* Gibibytes that a process can have, and the guest-physical memory at most. */
#define WINDOWS		(1U << (47 - DUNE_WINDOW_SHIFT))

/*
 * By number of the gibibyte, 0 where not known yet, else one more than what it
 * is. A child has to ask in the same order to get the same.
 */
static struct {
	uint32_t *of_memory, *order;
	unsigned int count;
} windows;

/* By number in guest-physical memory: what to add to an address there. */
uint64_t *dune_window_offsets;

/**
 * dune_window_init() - get ready to ask
 *
 * Return: 0; -ENOMEM.
 */
int dune_window_init(void)
{
	uint64_t size = WINDOWS * (sizeof(*windows.of_memory) +
				   sizeof(*windows.order) +
				   sizeof(*dune_window_offsets));

	if (windows.of_memory)
		return 0;
	windows.of_memory = dune_own_map(size, PAGE_SIZE);
	if (!windows.of_memory)
		return -ENOMEM;
	/*
	 * All 2 MiB of them are little more than one page table maps; what is
	 * used is the first's end, as stacks are high, and the others' begin.
	 */
	dune_window_offsets = (uint64_t *)(windows.of_memory + WINDOWS);
	windows.order = (uint32_t *)(dune_window_offsets + WINDOWS);
	return 0;
}

static int ask(int vcpu, uint64_t address, uint64_t *physical)
{
	struct dune_window window = { .address = address };
	long ret = CALL3(SYS_ioctl, vcpu, DUNE_GET_WINDOW, &window);

	*physical = window.guest_physical;
	return ret;
}

static int ask_once(int vcpu, uint64_t address)
{
	uint32_t number = address >> DUNE_WINDOW_SHIFT;
	uint64_t physical;
	int err;

	if (windows.of_memory[number])
		return 0;
	err = ask(vcpu, address, &physical);
	if (err)
		return err;
	dune_window_offsets[physical >> DUNE_WINDOW_SHIFT] =
		((uint64_t)number << DUNE_WINDOW_SHIFT) -
		(physical & ~WINDOW_MASK);
	windows.order[windows.count++] = number;
	__atomic_store_n(&windows.of_memory[number],
			 (physical >> DUNE_WINDOW_SHIFT) + 1, __ATOMIC_RELEASE);
	return 0;
}

/**
 * dune_window() - where the guest finds memory
 * @vcpu: descriptor of a virtual CPU that this thread may ask
 * @address: of the memory, below 2^47
 * @physical: set on success: of the same byte
 *
 * Return: 0; as DUNE_GET_WINDOW.
 */
int dune_window(int vcpu, uint64_t address, uint64_t *physical)
{
	uint32_t number = address >> DUNE_WINDOW_SHIFT, found;
	int err = 0;

	found = __atomic_load_n(&windows.of_memory[number], __ATOMIC_ACQUIRE);
	if (!found) {
		uint64_t flags = dune_lock_masked(DUNE_LOCK_WINDOWS);

		err = ask_once(vcpu, address);
		dune_unlock_masked(DUNE_LOCK_WINDOWS, flags);
		found = windows.of_memory[number];
	}
	*physical = ((uint64_t)(found - 1) << DUNE_WINDOW_SHIFT) |
		    (address & WINDOW_MASK);
	return err;
}

/*
 * In a child, or when no thread was in Dune: where windows are handed out in
 * order, the same ones.
 */
int dune_window_again(int vcpu)
{
	uint64_t flags = dune_lock_masked(DUNE_LOCK_WINDOWS), physical;
	unsigned int i;
	int err = 0;

	for (i = 0; i < windows.count && !err; i++)
		err = ask(vcpu, (uint64_t)windows.order[i] << DUNE_WINDOW_SHIFT,
			  &physical);
	dune_unlock_masked(DUNE_LOCK_WINDOWS, flags);
	return err;
}
