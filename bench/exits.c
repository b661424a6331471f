// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exit costs that the module handles, and one that user space does: the
 * counterparts of KVM's figures of the same names.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dune.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "guest.h"

#define EXITS	1000

/* All CPUs leave the guest for it. */
static void execute_cpuid(unsigned int operations)
{
	while (operations--) {
		unsigned int eax = 0, ecx = 0;

		__asm__ volatile("cpuid" : "+a" (eax), "+c" (ecx)
				 : : "ebx", "edx");
	}
}

static int vcpu;
static struct dune_run *vcpu_run;
static struct dune_info info;

static void make_vcpu(void)
{
	struct dune_create_vcpu create = { 0 };
	int device = open("/dev/dune", O_RDWR | O_CLOEXEC);

	if (device < 0)
		cannot_run("dune.ko is not loaded");
	must(!ioctl(device, DUNE_GET_INFO, &info), "DUNE_GET_INFO");
	vcpu = ioctl(device, DUNE_CREATE_VCPU, &create);
	must(vcpu >= 0, "DUNE_CREATE_VCPU");
	vcpu_run = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
			0);
	must(vcpu_run != MAP_FAILED, "mmap()");
}

static uint64_t physical_of(char *memory)
{
	struct dune_window window = { .address = (uintptr_t)memory };

	must(!ioctl(vcpu, DUNE_GET_WINDOW, &window), "DUNE_GET_WINDOW");
	return window.guest_physical +
	       ((uintptr_t)memory & ((1UL << DUNE_WINDOW_SHIFT) - 1));
}

/* The hypercall, again and again: without flags it is user space's. */
static int make_guest(void)
{
	static const uint8_t back[] = { 0xeb, 0xfb };	/* jmp .-3 */
	char *memory = memory_map(LARGE, SMALL, MEMORY_PRESENT);
	uint8_t code[sizeof(info.hypercall) + sizeof(back)];
	struct dune_state state;
	uint64_t physical;

	/* What the process may not execute the guest may not. */
	must(!mprotect(memory, LARGE, PROT_READ | PROT_WRITE | PROT_EXEC),
	     "mprotect()");
	make_vcpu();
	physical = physical_of(memory);
	errno = EINVAL;
	must(info.hypercall_len == 3, "hypercall");
	memcpy(code, info.hypercall, 3);
	memcpy(code + 3, back, sizeof(back));
	guest_make(physical, memory, physical, code, 3 + sizeof(back));
	must(!ioctl(vcpu, DUNE_GET_STATE, &state), "DUNE_GET_STATE");
	state.cr3 = physical;
	must(!ioctl(vcpu, DUNE_SET_STATE, &state), "DUNE_SET_STATE");
	vcpu_run->regs.rip = GUEST_ENTRY;
	vcpu_run->regs.rflags = 2;
	return 0;
}

static void exit_to_user_space(unsigned int operations)
{
	while (operations--) {
		int err;

		do {
			err = ioctl(vcpu, DUNE_RUN);
		} while (!err && vcpu_run->exit_reason == DUNE_EXIT_RESUME);
		must(!err, "DUNE_RUN");
		errno = EPROTO;
		must(vcpu_run->exit_reason == DUNE_EXIT_SYSCALL, "DUNE_RUN");
	}
}

const struct bench exit_benches[] = {
	{ .row = "exit in the kernel", .how = "Dune", .per = "exit",
	  .operations = EXITS, .dune = true, .run = execute_cpuid },
	{ .row = "exit to user space", .how = "Dune", .per = "exit",
	  .operations = EXITS, .begin = make_guest,
	  .run = exit_to_user_space },
	{ 0 }
};
