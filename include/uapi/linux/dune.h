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
 * holds the CPU's virtualization; -EMFILE, -ENFILE, -ENOMEM; -ESHUTDOWN when
 * the machine is going down.
 */
#define DUNE_CREATE_VCPU	_IOW(DUNE_IOC_MAGIC, 0x01, struct dune_create_vcpu)

#endif /* _UAPI_LINUX_DUNE_H */
