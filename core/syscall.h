/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls of the guest. */
#ifndef DUNE_SYSCALL_H
#define DUNE_SYSCALL_H

#include <linux/types.h>

struct dune_vcpu;

void dune_syscall_init(void);
int dune_syscall(struct dune_vcpu *vcpu);
bool dune_syscall_is_possible(void);
long dune_syscall_here(unsigned int number, u64 first, u64 second, u64 third);
bool dune_syscall_may_be_direct(u64 number, u64 request);

#endif /* DUNE_SYSCALL_H */
