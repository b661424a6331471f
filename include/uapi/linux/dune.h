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
#define DUNE_ABI_VERSION	1

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

/**
 * struct dune_create_vcpu - make a virtual CPU for the calling process
 * @flags: in: zero, none is defined yet
 * @reserved: in: zero
 */
struct dune_create_vcpu {
	__u32 flags;
	__u32 reserved[7];
};

/**
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

/**
 * struct dune_state - all of a virtual CPU but the general registers
 *
 * What a new virtual CPU has: ring 0 of 64-bit mode with flat segments, no
 * descriptor tables, paging on with @cr3 zero.
 */
struct dune_state {
	struct dune_segment cs, ss, ds, es, fs, gs, tr, ldt;
	struct dune_table gdt, idt;
	__u64 cr0, cr2, cr3, cr4;
	__u64 efer;
	__u64 kernel_gs_base;
	__u64 star, lstar, cstar, sfmask;
	__u64 sysenter_cs, sysenter_esp, sysenter_eip;
	__u64 reserved[12];
};

/**
 * enum dune_exit_reason - why DUNE_RUN came back with 0
 * @DUNE_EXIT_SYSCALL: the guest made a hypercall in ring 0. The registers are
 *	those of a system call; to go on, put the result into rax.
 * @DUNE_EXIT_RESUME: nothing happened; enter again. The kernel had something
 *	to do that it does on the way back to user mode.
 * @DUNE_EXIT_SHUTDOWN: the guest had a fault it could not deliver (a triple
 *	fault). It cannot go on.
 * @DUNE_EXIT_INVALID_STATE: the CPU refuses to run with this state
 * @DUNE_EXIT_UNKNOWN: an exit the module does not know; @hardware_reason says
 *	which. It cannot go on.
 */
enum dune_exit_reason {
	DUNE_EXIT_SYSCALL = 1,
	DUNE_EXIT_RESUME,
	DUNE_EXIT_SHUTDOWN,
	DUNE_EXIT_INVALID_STATE,
	DUNE_EXIT_UNKNOWN,
};

/**
 * struct dune_run - the page that a virtual CPU's descriptor maps at offset 0
 * @regs: in and out: general registers. The module reads them once when
 *	DUNE_RUN begins.
 * @exit_reason: out: enum dune_exit_reason
 * @flags: in: zero, none is defined yet
 * @hardware_reason: out: the CPU's own code for the last exit; for a message
 * @reserved: zero
 */
struct dune_run {
	struct dune_regs regs;
	__u32 exit_reason;
	__u32 flags;
	__u64 hardware_reason;
	__u64 reserved[12];
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

#define DUNE_IOC_MAGIC		0xD7

/**
 * DUNE_GET_INFO - on /dev/dune: fill a struct dune_info
 *
 * Needs no virtualization and disturbs no other user of it.
 *
 * Return: 0; -EINVAL, -EFAULT.
 */
#define DUNE_GET_INFO		_IOWR(DUNE_IOC_MAGIC, 0x00, struct dune_info)

/**
 * DUNE_CREATE_VCPU - on /dev/dune: make a virtual CPU
 *
 * The first virtual CPU of all processes turns virtualization on, on every
 * CPU of the machine; it is turned off when the last one is gone.
 *
 * Return: a descriptor; -EINVAL, -EFAULT; -EBUSY when another hypervisor
 * holds the CPU's virtualization; -EMFILE, -ENFILE, -ENOMEM; -ENOSPC when the
 * process has as many as it may; -ESHUTDOWN when the machine is going down.
 */
#define DUNE_CREATE_VCPU	_IOW(DUNE_IOC_MAGIC, 0x01, struct dune_create_vcpu)

/**
 * DUNE_RUN - on a virtual CPU: enter guest mode until something happens
 *
 * Return: 0 with exit_reason set; -EINTR when a signal is to be delivered;
 * -EBUSY when another thread runs it; -EIO from another process; -EINVAL for
 * flags; -ENOMEM when kernel memory ran out.
 */
#define DUNE_RUN		_IO(DUNE_IOC_MAGIC, 0x10)

/**
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

/**
 * DUNE_GET_WINDOW - on a virtual CPU: where the guest finds a gibibyte
 *
 * Return: 0; -EINVAL, -EFAULT, -EIO; -ENOSPC when all of guest-physical
 * memory is in use; -ENOMEM.
 */
#define DUNE_GET_WINDOW		_IOWR(DUNE_IOC_MAGIC, 0x13, struct dune_window)

#endif /* _UAPI_LINUX_DUNE_H */
