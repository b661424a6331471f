/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual CPUs and the descriptors that hold them. */
#ifndef DUNE_VCPU_H
#define DUNE_VCPU_H

/* Virtual CPUs of one process; bounds the kernel memory it can tie up. */
#define DUNE_MAX_VCPUS	16384

int dune_vcpu_create_fd(void);

#endif /* DUNE_VCPU_H */
