// SPDX-License-Identifier: GPL-2.0-only
/* The supervisor's memory, by instructions and by calls that change mappings. */
#include "attack.h"

#include <sys/ipc.h>
#include <sys/shm.h>

#define SEGV	"SIGSEGV SIGBUS"

/* Its address is in RDI, memory of ours in RSI. */
#define ACCESS(name, code)						\
	static int access_##name(void)					\
	{								\
		uint64_t rdi = target, rsi = (uint64_t)own_page;	\
									\
		asm volatile("sub $128, %%rsp\n\t" code			\
			     "\n\tadd $128, %%rsp"			\
			     : "+D" (rdi), "+S" (rsi) :			\
			     : "rax", "rbx", "rcx", "rdx", "r8", "r9",	\
			       "r10", "r11", "xmm0", "xmm1", "memory",	\
			       "cc");					\
		return SUCCEEDED;						\
	}								\
	ON_MEMORY(name, SEGV, access_##name)

ACCESS(load, "movb (%%rdi), %%al")
ACCESS(store, "movb $0, (%%rdi)")
ACCESS(string_read, "xchg %%rdi, %%rsi; mov $8, %%ecx; rep movsb")
ACCESS(string_write, "mov $8, %%ecx; rep movsb")
ACCESS(locked, "lock; orq $0, (%%rdi)")
ACCESS(compare, "mov $1, %%eax; lock; cmpxchg %%rcx, (%%rdi)")
ACCESS(vector_read, "movdqu (%%rdi), %%xmm0")
ACCESS(vector_write, "pcmpeqd %%xmm1, %%xmm1; maskmovdqu %%xmm1, %%xmm0")
ACCESS(state_save, "fxsave (%%rdi)")
ACCESS(push, "mov %%rsp, %%rbx; lea 64(%%rdi), %%rsp; push %%rax;"
	     "mov %%rbx, %%rsp")
ACCESS(enter, "mov %%rsp, %%rbx; lea 64(%%rdi), %%rsp; push %%rbp;"
	      "enter $0, $0; pop %%rbp; pop %%rbp; mov %%rbx, %%rsp")
ACCESS(call, "call *%%rdi")
ACCESS(jump, "lea 1f(%%rip), %%rax; push %%rax; jmp *%%rdi; 1:")
ACCESS(return_to, "lea 1f(%%rip), %%rax; push %%rax; push %%rdi; ret; 1:")

/* A thousand places, also where tables and stacks may be. */
static int scan(void)
{
	static const uint64_t starts[] = {
		0x4b8000000000, 0x4a0000000000, 0x4b8000400000,
	};
	static int index;
	uint64_t start = starts[index % 3];

	target = start + index++ * PAGE * 7;
	return access_load();
}

ATTACK(scan, OUTSIDE, SEGV)
{
	int i, result = HELD;

	for (i = 0; i < 1000 && result != SUCCEEDED; i++)
		result = attempt(scan);
	return result;
}

#define RW	(PROT_READ | PROT_WRITE)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)
/* EEXIST, EBUSY: something is there already */
#define CHANGES(name, ...)						\
	DEPUTED_FITS(name, "EPERM EACCES EINVAL ENOMEM EFAULT EEXIST EBUSY ENOSYS",\
		    __VA_ARGS__)

CHANGES(mmap_fixed, SYS_mmap, target, PAGE, RW, ANON | MAP_FIXED, -1, 0)
CHANGES(mmap_across, SYS_mmap, target - PAGE, 3 * PAGE, RW, ANON | MAP_FIXED, -1, 0)
CHANGES(mprotect, SYS_mprotect, target, PAGE, RW)
CHANGES(pkey_mprotect, SYS_pkey_mprotect, target, PAGE, RW, -1)
CHANGES(mremap_from, SYS_mremap, target, PAGE, PAGE,
	MREMAP_MAYMOVE | MREMAP_FIXED, own_hole)
CHANGES(mremap_to, SYS_mremap, own_page, PAGE, PAGE,
	MREMAP_MAYMOVE | MREMAP_FIXED, target)
CHANGES(mremap_grow, SYS_mremap, target, PAGE, 8 * PAGE, MREMAP_MAYMOVE)
CHANGES(madvise_dontneed, SYS_madvise, target, PAGE, MADV_DONTNEED)
/* what stands in is not shown again to children */
CHANGES(madvise_dontfork, SYS_madvise, target, PAGE, MADV_DONTFORK)

/* It may give 0, as for what is not there. The stage looks at what is left. */
static int unmap(void)
{
	return munmap((void *)target, PAGE) ? -errno : HELD;
}

ON_MEMORY(munmap, "HELD EPERM EINVAL EACCES EFAULT", unmap)

static int attach(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	int result;

	if (id < 0)
		return -errno;
	result = result_of(syscall(SYS_shmat, id, target, SHM_REMAP));
	shmctl(id, IPC_RMID, NULL);
	return result;
}

ON_MEMORY(shmat_over, "EPERM EACCES EINVAL ENOSYS", attach)

/* All of the address space below the supervisor's, and then one page more. */
static int brk_up(void)
{
	uint64_t now = syscall(SYS_brk, 0);

	return (uint64_t)syscall(SYS_brk, target + PAGE) > now ?
	       SUCCEEDED : -ENOMEM;
}

/* the kernel refuses it by itself, as something else is on the way */
ATTACK(brk_over, NOWHERE, "ENOMEM EPERM EINVAL")
{
	return at_each_target(brk_up);
}

/* The thread's own storage is not there while it looks: no handler could run. */
static int by_fs_base(void)
{
	uint64_t before;
	uint8_t byte;

	asm volatile("rdfsbase %0; wrfsbase %2; movb %%fs:0, %1; wrfsbase %0"
		     : "=&r" (before), "=&q" (byte) : "r" (target) : "memory");
	return SUCCEEDED;
}

static int by_gs_base(void)
{
	uint8_t byte;

	asm volatile("wrgsbase %1; movb %%gs:0, %0; wrgsbase %2"
		     : "=&q" (byte) : "r" (target), "r" (0UL) : "memory");
	return SUCCEEDED;
}

static int child_by_fs_base(void)
{
	return in_child(by_fs_base);
}

static int child_by_gs_base(void)
{
	return in_child(by_gs_base);
}

ON_MEMORY(fs_base, SEGV " SIGILL", child_by_fs_base)
ON_MEMORY(gs_base, SEGV " SIGILL", child_by_gs_base)

/* System calls while the bases are there: the supervisor has its own. */
static int call_with_bases(void)
{
	uint64_t before;
	long result = SYS_getppid;

	asm volatile("rdfsbase %1; wrfsbase %2; wrgsbase %2; syscall;"
		     "wrfsbase %1; wrgsbase %3"
		     : "+a" (result), "=&r" (before)
		     : "r" (target), "r" (0UL)
		     : "rcx", "r11", "memory");
	return result == known.own_parent ? HELD : SUCCEEDED;
}

ATTACK(bases_at_syscall, NOWHERE, "HELD EPERM SIGILL")
{
	return at_each_target(call_with_bases);
}
