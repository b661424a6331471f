// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that a user of /dev/kvm is: what a process in a machine of KVM
 * pays for leaving the guest, and for memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "guest.h"

#define AT_LOAD		"/sys/module/kvm/parameters/enable_virt_at_load"
#define CPUID_ENTRIES	100
#define EXITS		1000
#define SMALL_PAGES	512
#define LARGE_PAGES	GUEST_DATA_MOST

/* As the CPU has them after the way into 64-bit mode. */
#define CR0_PE_ET_WP_PG	0x80010011
#define CR4_PAE		0x20
#define EFER_LME_LMA	0x500

/* xor %eax, %eax; xor %ecx, %ecx; cpuid; dec %r8d; jnz; hlt; all of it again */
static const uint8_t cpuid_code[] = {
	0x41, 0xb8, EXITS & 0xff, EXITS >> 8, 0x00, 0x00,
	0x31, 0xc0, 0x31, 0xc9, 0x0f, 0xa2, 0x41, 0xff, 0xc8, 0x75, 0xf5,
	0xf4, 0xeb, 0xec,
};

static const uint8_t hlt_code[] = { 0xf4, 0xeb, 0xfd };
static const uint8_t out_code[] = { 0xe6, 0x10, 0xeb, 0xfc };

/* movb $1, (%rdi); add %rsi, %rdi; dec %ecx; jnz; hlt */
static const uint8_t touch_code[] = {
	0xc6, 0x07, 0x01, 0x48, 0x01, 0xf7, 0xff, 0xc9, 0x75, 0xf6, 0xf4,
};

struct machine {
	int vm, vcpu;
	struct kvm_run *run;
	char *own;
};

static int kvm = -1;
static struct machine machine;
static char *data;

/*
 * From 6.12 on it has virtualization on for as long as it is loaded, and Dune
 * could not enter; so it is told not to, where it was not loaded before.
 */
static void load_kvm(void)
{
	static const char load[] = "modprobe -q kvm_intel 2>/dev/null;"
				   "modprobe -q kvm_amd 2>/dev/null";

	if (!access("/dev/kvm", F_OK) || system(load) < 0 ||
	    access(AT_LOAD, F_OK))
		return;
	if (system("modprobe -q -r kvm_intel; modprobe -q -r kvm_amd;"
		   "modprobe -q -r kvm; modprobe -q kvm enable_virt_at_load=0"))
		return;
	if (system(load))
		return;
}

static void open_kvm(void)
{
	load_kvm();
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		cannot_run("no /dev/kvm");
}

static void add_memory(const struct machine *to, unsigned int slot,
		       uint64_t physical, char *memory, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = physical,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	must(!ioctl(to->vm, KVM_SET_USER_MEMORY_REGION, &region),
	     "KVM_SET_USER_MEMORY_REGION");
}

/* All that KVM can do, as others have it. */
static void set_cpuid(int vcpu)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES *
					  sizeof(cpuid->entries[0]));

	must(cpuid, "calloc()");
	cpuid->nent = CPUID_ENTRIES;
	must(!ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid),
	     "KVM_GET_SUPPORTED_CPUID");
	must(!ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

static void set_registers(int vcpu)
{
	struct kvm_segment flat = {
		.limit = ~0U, .selector = 16, .type = 3, .present = 1,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_regs regs = { .rip = GUEST_ENTRY, .rflags = 2 };
	struct kvm_sregs sregs;

	must(!ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.ds = flat;
	sregs.es = flat;
	sregs.ss = flat;
	sregs.cs = flat;
	sregs.cs.selector = 8;
	sregs.cs.type = 11;
	sregs.cs.db = 0;
	sregs.cs.l = 1;
	sregs.cr0 = CR0_PE_ET_WP_PG;
	sregs.cr3 = GUEST_OWN;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LME_LMA;
	must(!ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(!ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void make_machine(struct machine *made, const uint8_t *code,
			 size_t size)
{
	made->own = memory_map(LARGE, SMALL, MEMORY_ABSENT);
	guest_make(GUEST_OWN, made->own, GUEST_DATA, code, size);
	made->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	must(made->vm >= 0, "KVM_CREATE_VM");
	add_memory(made, 0, GUEST_OWN, made->own, LARGE);
	made->vcpu = ioctl(made->vm, KVM_CREATE_VCPU, 0);
	must(made->vcpu >= 0, "KVM_CREATE_VCPU");
	made->run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
			 PROT_READ | PROT_WRITE, MAP_SHARED, made->vcpu, 0);
	must(made->run != MAP_FAILED, "mmap()");
	set_cpuid(made->vcpu);
	set_registers(made->vcpu);
}

static void run_until(const struct machine *in, unsigned int reason)
{
	must(!ioctl(in->vcpu, KVM_RUN, 0), "KVM_RUN");
	errno = EPROTO;
	must(in->run->exit_reason == reason, "KVM_RUN");
}

static int make_cpuid(void)
{
	open_kvm();
	make_machine(&machine, cpuid_code, sizeof(cpuid_code));
	return 0;
}

static void exit_in_kernel(unsigned int operations)
{
	(void)operations;	/* the guest has their number */
	run_until(&machine, KVM_EXIT_HLT);
}

static int make_hlt(void)
{
	open_kvm();
	make_machine(&machine, hlt_code, sizeof(hlt_code));
	return 0;
}

static void exit_by_hlt(unsigned int operations)
{
	while (operations--)
		run_until(&machine, KVM_EXIT_HLT);
}

static int make_out(void)
{
	open_kvm();
	make_machine(&machine, out_code, sizeof(out_code));
	return 0;
}

static void exit_by_out(unsigned int operations)
{
	while (operations--)
		run_until(&machine, KVM_EXIT_IO);
}

/* A system call of the guest's, made by the process. */
static void getpid_by_out(unsigned int operations)
{
	while (operations--) {
		run_until(&machine, KVM_EXIT_IO);
		syscall(SYS_getpid);
	}
}

/* From nothing to the first exit; another machine has virtualization on. */
static uint64_t make_and_run(void)
{
	uint64_t start = ticks();
	struct machine new;

	make_machine(&new, out_code, sizeof(out_code));
	run_until(&new, KVM_EXIT_IO);
	return ticks() - start;
}

/*
 * In a process of its own, as the more machines one has, the longer each takes.
 * None goes before all have come: that would be waited for.
 */
static double enter_once(void)
{
	static int ends[2];
	uint64_t took;
	pid_t pid;

	must(ends[1] || !pipe(ends), "pipe()");
	pid = fork();
	must(pid >= 0, "fork()");
	if (!pid) {
		took = make_and_run();
		must(write(ends[1], &took, sizeof(took)) == sizeof(took),
		     "write()");
		for (;;)
			pause();
	}
	must(read(ends[0], &took, sizeof(took)) == sizeof(took), "read()");
	return took;
}

static size_t data_size;

static int make_touching(size_t size, size_t page)
{
	open_kvm();
	make_machine(&machine, touch_code, sizeof(touch_code));
	data_size = size;
	data = memory_map(size, page, MEMORY_PRESENT);
	add_memory(&machine, 1, GUEST_DATA, data, size);
	return 0;
}

static int make_touching_small(void)
{
	return make_touching(SMALL_PAGES * SMALL, SMALL);
}

static int make_touching_large(void)
{
	return make_touching(LARGE_PAGES * LARGE, LARGE);
}

static void begin_again(size_t step)
{
	struct kvm_regs regs = {
		.rip = GUEST_ENTRY, .rflags = 2, .rdi = GUEST_DATA,
		.rsi = step, .rcx = data_size / step,
	};

	must(!ioctl(machine.vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void drop(unsigned int pages)
{
	must(!madvise(data, data_size, MADV_DONTNEED), "MADV_DONTNEED");
	begin_again(data_size / pages);
}

static void drop_and_populate(unsigned int pages)
{
	drop(pages);
	must(!madvise(data, data_size, MADV_POPULATE_WRITE),
	     "MADV_POPULATE_WRITE");
}

static void touch(unsigned int pages)
{
	(void)pages;		/* the guest has their number */
	run_until(&machine, KVM_EXIT_HLT);
}

#define KVM		.how = "KVM"
#define EXIT		.per = "exit", .operations = EXITS
#define USER		.row = "exit to user space", EXIT
#define PER_SMALL	.per = "page of 4 KiB", .operations = SMALL_PAGES
#define PER_LARGE	.per = "page of 2 MiB", .operations = LARGE_PAGES

const struct bench kvm_benches[] = {
	{ .row = "getpid", KVM, .per = "call", .operations = EXITS,
	  .begin = make_out, .run = getpid_by_out },
	{ .row = "exit in the kernel", KVM, EXIT,
	  .begin = make_cpuid, .run = exit_in_kernel },
	{ USER, KVM, .begin = make_out, .run = exit_by_out },
	{ USER, .how = "KVM, HLT", .begin = make_hlt, .run = exit_by_hlt },
	{ .row = "nested fault, absent", KVM, PER_SMALL,
	  .begin = make_touching_small, .prepare = drop, .run = touch },
	{ .row = "nested fault, present", KVM, PER_SMALL,
	  .begin = make_touching_small, .prepare = drop_and_populate,
	  .run = touch },
	{ .row = "nested fault, 2 MiB present", KVM, PER_LARGE,
	  .begin = make_touching_large, .prepare = drop_and_populate,
	  .run = touch },
	{ .row = "entry", KVM, .per = "process", .operations = 1, .rounds = 5,
	  .begin = make_out, .value = enter_once, .unit = "ticks" },
	{ 0 }
};
