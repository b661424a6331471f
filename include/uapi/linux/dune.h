/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Interface between dune.ko and user space: /dev/dune and the descriptors
 * made from it.
 *
 * Conventions, for every call in this file:
 *  - a flag bit that is not defined here is refused with -EINVAL, and so is a
 *    reserved field that is not zero on the way in;
 *  - an unknown request is refused with -ENOTTY;
 *  - an address that user space may not read or write gives -EFAULT;
 *  - descriptors made by a call are O_CLOEXEC;
 *  - a descriptor used by another process than the one that made it (after a
 *    fork, or passed over a socket) gives -EIO.
 */
#ifndef _UAPI_LINUX_DUNE_H
#define _UAPI_LINUX_DUNE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/** DUNE_ABI_VERSION - grows by one with every visible change of this file */
#define DUNE_ABI_VERSION	6

/**
 * enum dune_backend - what carries guest mode on this machine
 * @DUNE_BACKEND_VMX: Intel VT-x with extended page tables
 * @DUNE_BACKEND_SVM: AMD SVM with nested paging
 *
 * Told for information only: the interface is the same on both.
 */
enum dune_backend {
	DUNE_BACKEND_VMX = 1,
	DUNE_BACKEND_SVM = 2,
};

/* The CPU keeps accessed and dirty bits in the nested page table */
#define DUNE_FEATURE_NESTED_AD		(1ULL << 0)
/* The TLB tells address spaces apart: switching needs no flush */
#define DUNE_FEATURE_TAGGED_TLB		(1ULL << 1)

/**
 * struct dune_info - what the module and the CPU under it can do
 * @flags: in: zero, none is defined yet
 * @abi_version: out: DUNE_ABI_VERSION of the module
 * @backend: out: one of enum dune_backend
 * @guest_phys_bits: out: width of a guest-physical address, in bits
 * @features: out: DUNE_FEATURE_* bits
 * @nested_page_sizes: out: page sizes, in bytes, which the nested page table
 *	can map, or-ed together (bit 12: 4 KiB, bit 21: 2 MiB, bit 30: 1 GiB)
 * @tlb_tags: out: how many address spaces the TLB can hold apart, 1 if it
 *	cannot
 * @max_vcpus: out: how many virtual CPUs one process may have
 * @hypercall_len: out: bytes used in @hypercall
 * @hypercall: out: the instruction by which the guest calls the module
 * @reserved: in: zero; out: zero
 */
struct dune_info {
	__u32 flags;
	__u32 abi_version;
	__u32 backend;
	__u32 guest_phys_bits;
	__u64 features;
	__u64 nested_page_sizes;
	__u32 tlb_tags;
	__u32 max_vcpus;
	__u32 hypercall_len;
	__u8 hypercall[4];
	__u64 reserved[10];
};

/* The virtual CPU is for a thread that has the filter of @filter */
#define DUNE_VCPU_FILTER	(1U << 0)

/**
 * struct dune_create_vcpu - make a virtual CPU for the calling process
 * @flags: in: DUNE_VCPU_* bits
 * @filter: in: with DUNE_VCPU_FILTER a descriptor that DUNE_ADD_FILTER gave;
 *	without it zero
 * @reserved: in: zero
 */
struct dune_create_vcpu {
	__u32 flags;
	__s32 filter;
	__u32 reserved[6];
};

/**
 * struct dune_add_filter - put a seccomp filter on the calling thread
 * @program: in: address of a struct sock_fprog, which is not to change meanwhile
 * @flags: in: zero, none is defined yet
 * @reserved: in: zero
 */
struct dune_add_filter {
	__u64 program;
	__u32 flags;
	__u32 reserved[5];
};

/*
 * struct dune_regs - general registers
 */
struct dune_regs {
	__u64 rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
	__u64 r8, r9, r10, r11, r12, r13, r14, r15;
	__u64 rip, rflags;
};

/**
 * struct dune_segment - a segment register with what the CPU keeps behind it
 * @base: linear address
 * @limit: in bytes, as the CPU holds it (granularity applied)
 * @attributes: bits 0-7 as byte 5, bits 12-15 as the upper half of byte 6 of
 *	a segment descriptor; bit 16: unusable (null)
 * @selector: the visible part
 * @reserved: zero
 */
struct dune_segment {
	__u64 base;
	__u32 limit;
	__u32 attributes;
	__u16 selector;
	__u16 reserved[3];
};

#define DUNE_SEGMENT_UNUSABLE	(1U << 16)

/**
 * struct dune_table - GDTR or IDTR
 * @base: linear address
 * @limit: in bytes, less one
 * @reserved: zero
 */
struct dune_table {
	__u64 base;
	__u16 limit;
	__u16 reserved[3];
};

/*
 * struct dune_state - all of a virtual CPU but the general registers
 *
 * What a new virtual CPU has: ring 0 of 64-bit mode with flat segments, no
 * descriptor tables, paging on with @cr3 zero, debug registers as after reset,
 * of the extended state in @xcr0 what the process has.
 */
struct dune_state {
	struct dune_segment cs, ss, ds, es, fs, gs, tr, ldt;
	struct dune_table gdt, idt;
	__u64 cr0, cr2, cr3, cr4;
	__u64 efer;
	__u64 kernel_gs_base;
	__u64 star, lstar, cstar, sfmask;
	__u64 sysenter_cs, sysenter_esp, sysenter_eip;
	__u64 cr8;
	__u64 dr0, dr1, dr2, dr3, dr6, dr7;
	__u64 xcr0;
	__u64 reserved[4];
};

/**
 * enum dune_exit_reason - why DUNE_RUN came back with 0
 * @DUNE_EXIT_NONE: it did not; it returned an error
 * @DUNE_EXIT_SYSCALL: the guest made a hypercall in ring 0. The registers are
 *	those of a system call; to go on, put the result into rax.
 * @DUNE_EXIT_RESUME: nothing happened; enter again. The kernel had something
 *	to do that it does on the way back to user mode.
 * @DUNE_EXIT_SHUTDOWN: the guest had a fault it could not deliver (a triple
 *	fault). It cannot go on; its state is that of a new virtual CPU.
 * @DUNE_EXIT_INVALID_STATE: the CPU refuses to run with this state
 * @DUNE_EXIT_UNKNOWN: an exit the module does not know; @hardware_reason says
 *	which. It cannot go on.
 * @DUNE_EXIT_RESTART: a system call that the module made was interrupted by a
 *	signal. What DUNE_RUN returned, an error or not, is the result of that
 *	system call; to go on, put it into rax. (Where the kernel restarts the
 *	system call it restarts DUNE_RUN, which goes on with it.)
 */
enum dune_exit_reason {
	DUNE_EXIT_NONE,
	DUNE_EXIT_SYSCALL,
	DUNE_EXIT_RESUME,
	DUNE_EXIT_SHUTDOWN,
	DUNE_EXIT_INVALID_STATE,
	DUNE_EXIT_UNKNOWN,
	DUNE_EXIT_RESTART,
};

/*
 * In dune_run.flags: the module makes the system calls of the guest itself
 * where this gives the same result as making them outside.
 */
#define DUNE_RUN_DIRECT_SYSCALLS	(1U << 0)

/**
 * struct dune_run - the page that a virtual CPU's descriptor maps at offset 0
 * @regs: in and out: general registers. The module reads them once when
 *	DUNE_RUN begins.
 * @exit_reason: out: enum dune_exit_reason; in: what the last DUNE_RUN left
 * @flags: in: DUNE_RUN_*
 * @hardware_reason: out: the CPU's own code for the last exit; for a message
 * @interrupt: in: 32 to 255 to give the guest an interrupt with this vector as
 *	soon as it can take one, else zero; out: zero when it has got it
 * @cpu: in: 1 plus the number of the CPU that the guest takes for its own, or 0;
 *	where the thread is on another one, DUNE_RUN ends with DUNE_EXIT_RESUME
 * @watched: out, with DUNE_EXIT_SYSCALL: not zero if a filter, a tracer or the
 *	like sees which system calls the thread makes
 * @reserved: zero
 */
struct dune_run {
	struct dune_regs regs;
	__u32 exit_reason;
	__u32 flags;
	__u64 hardware_reason;
	__u32 interrupt;
	__u32 cpu;
	__u32 watched;
	__u32 reserved[21];
};

/**
 * struct dune_window - a gibibyte of the process as the guest addresses it
 * @address: in: any address of the process within the gibibyte
 * @flags: in: zero
 * @reserved: in: zero
 * @guest_physical: out: where the gibibyte begins in guest-physical memory
 *
 * Guest-physical memory is narrower than the address space of a process on
 * many CPUs; it is handed out by the gibibyte, in the order asked for. Where
 * it is wide enough, @guest_physical equals the address.
 */
struct dune_window {
	__u64 address;
	__u32 flags;
	__u32 reserved;
	__u64 guest_physical;
};

#define DUNE_WINDOW_SHIFT	30

/**
 * enum dune_stat - exits that are told apart
 * @DUNE_STAT_HOST: interrupts and the like for the host
 * @DUNE_STAT_HYPERCALL: the hypercall instruction
 * @DUNE_STAT_NESTED_FAULT: memory that the nested page table did not have
 * @DUNE_STAT_CPUID: CPUID
 * @DUNE_STAT_XSETBV: XSETBV
 * @DUNE_STAT_HALT: HLT
 * @DUNE_STAT_REGISTER: control and debug registers
 * @DUNE_STAT_MSR: RDMSR and WRMSR
 * @DUNE_STAT_FORBIDDEN: what gives #GP
 * @DUNE_STAT_UNDEFINED: what gives #UD
 * @DUNE_STAT_EXCEPTION: #DB and #AC
 * @DUNE_STAT_WINDOW: the guest became ready for an interrupt
 * @DUNE_STAT_SHUTDOWN: triple fault
 * @DUNE_STAT_INVALID: the CPU refused the state
 * @DUNE_STAT_UNKNOWN: anything else
 * @DUNE_STATS: how many there are
 */
enum dune_stat {
	DUNE_STAT_HOST,
	DUNE_STAT_HYPERCALL,
	DUNE_STAT_NESTED_FAULT,
	DUNE_STAT_CPUID,
	DUNE_STAT_XSETBV,
	DUNE_STAT_HALT,
	DUNE_STAT_REGISTER,
	DUNE_STAT_MSR,
	DUNE_STAT_FORBIDDEN,
	DUNE_STAT_UNDEFINED,
	DUNE_STAT_EXCEPTION,
	DUNE_STAT_WINDOW,
	DUNE_STAT_SHUTDOWN,
	DUNE_STAT_INVALID,
	DUNE_STAT_UNKNOWN,
	DUNE_STATS,
};

/**
 * struct dune_stats - what the virtual CPUs of a process did, added up
 * @flags: in: zero
 * @vcpus: virtual CPUs that there are now
 * @exits: by enum dune_stat
 * @nested_faults: pages mapped by nested faults: of 4 KiB, 2 MiB, 1 GiB
 * @around: pages of 4 KiB mapped along with one that was asked for
 * @injected: events given to the guest
 * @direct_syscalls: system calls that the module made
 * @plain_syscalls: system calls that it left to user space
 * @nested_tables: pages that the nested page table takes now
 * @reserved: zero
 */
struct dune_stats {
	__u32 flags;
	__u32 vcpus;
	__u64 exits[24];
	__u64 nested_faults[3];
	__u64 around;
	__u64 injected;
	__u64 direct_syscalls;
	__u64 plain_syscalls;
	__u64 nested_tables;
	__u64 reserved[8];
};

/**
 * struct dune_flush - what changed in the guest's own page tables
 * @address: in: the first address
 * @size: in: in bytes; 0: all there are
 * @flags: in: zero
 * @reserved: in: zero
 */
struct dune_flush {
	__u64 address;
	__u64 size;
	__u32 flags;
	__u32 reserved[3];
};

#define DUNE_IOC_MAGIC		0xD7

/*
 * DUNE_GET_INFO - on /dev/dune: fill a struct dune_info
 *
 * Needs no virtualization and disturbs no other user of it.
 *
 * Return: 0; -EINVAL, -EFAULT.
 */
#define DUNE_GET_INFO		_IOWR(DUNE_IOC_MAGIC, 0x00, struct dune_info)

/*
 * DUNE_CREATE_VCPU - on /dev/dune: make a virtual CPU
 *
 * The first virtual CPU of all processes turns virtualization on, on every
 * CPU of the machine; it is turned off when the last one is gone.
 *
 * Return: a descriptor; -EINVAL, -EFAULT; -EBUSY when another hypervisor
 * holds the CPU's virtualization; -EMFILE, -ENFILE, -ENOMEM; -ENOSPC when the
 * process has as many as it may; -ESHUTDOWN when the machine is going down;
 * -EBADF, or -EINVAL, when @filter is no descriptor of a filter.
 */
#define DUNE_CREATE_VCPU	_IOW(DUNE_IOC_MAGIC, 0x01, struct dune_create_vcpu)

/*
 * DUNE_ADD_FILTER - on /dev/dune: seccomp(SECCOMP_SET_MODE_FILTER), such that the
 * module knows the filter
 *
 * A thread that has a filter makes its system calls outside, where the filter
 * sees them. Where this filter is the only one that a thread has, virtual CPUs
 * that were made with the descriptor make those calls in place that the filter
 * allows whatever their arguments. That holds for children and programs that are
 * executed, too, and as long as none adds another filter. The filter stays when
 * the descriptor is closed. Until that, and until those virtual CPUs are closed,
 * seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER) gives -EBUSY in the thread, its
 * children, and what they execute.
 *
 * Return: a descriptor; -EINVAL, -EFAULT; -EINVAL for SECCOMP_RET_USER_NOTIF and
 * BPF_RET | BPF_A in the program, as nobody would be notified; -EOPNOTSUPP, with
 * nothing done, where the module makes no system calls, or the thread's calls
 * are seen by a filter, a tracer or the like already; -EMFILE, -ENFILE, -ENOMEM;
 * as seccomp().
 */
#define DUNE_ADD_FILTER		_IOW(DUNE_IOC_MAGIC, 0x02, struct dune_add_filter)

/*
 * DUNE_RUN - on a virtual CPU: enter guest mode until something happens
 *
 * Return: 0 with exit_reason set; -EINTR when a signal is to be delivered;
 * -EBUSY when another thread runs it; -EIO from another process; -EINVAL for
 * flags, an interrupt's vector or a CPU that cannot be; -ENOMEM when kernel
 * memory ran out; -ESHUTDOWN when the machine is going down. With
 * DUNE_EXIT_RESTART anything, see there.
 */
#define DUNE_RUN		_IO(DUNE_IOC_MAGIC, 0x10)

/*
 * DUNE_GET_STATE, DUNE_SET_STATE - on a virtual CPU: all but the registers of
 * the run page
 *
 * Setting refuses with -EINVAL what a guest may not have: control bits outside
 * of the allowed set, addresses that are not canonical.
 *
 * Return: 0; -EINVAL, -EFAULT, -EBUSY, -EIO.
 */
#define DUNE_GET_STATE		_IOR(DUNE_IOC_MAGIC, 0x11, struct dune_state)
#define DUNE_SET_STATE		_IOW(DUNE_IOC_MAGIC, 0x12, struct dune_state)

/*
 * DUNE_GET_WINDOW - on a virtual CPU: where the guest finds a gibibyte
 *
 * Return: 0; -EINVAL, -EFAULT, -EIO; -ENOSPC when all of guest-physical
 * memory is in use; -ENOMEM.
 */
#define DUNE_GET_WINDOW		_IOWR(DUNE_IOC_MAGIC, 0x13, struct dune_window)

/*
 * DUNE_GET_STATS - on a virtual CPU: what all those of the process did
 *
 * Return: 0; -EINVAL, -EFAULT, -EIO.
 */
#define DUNE_GET_STATS		_IOWR(DUNE_IOC_MAGIC, 0x14, struct dune_stats)

/*
 * DUNE_FLUSH - on a virtual CPU: forget translations, on all those of the
 * process
 *
 * When it returns none of them uses one of these addresses that is older than
 * the call; one in guest mode was made to leave it. More may be forgotten.
 *
 * Return: 0; -EINVAL, -EFAULT, -EBUSY, -EIO.
 */
#define DUNE_FLUSH		_IOW(DUNE_IOC_MAGIC, 0x15, struct dune_flush)

#endif /* _UAPI_LINUX_DUNE_H */
