/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions of the kernel that it does not export to us. */
#ifndef DUNE_KERNEL_FUNCTION_H
#define DUNE_KERNEL_FUNCTION_H

void *dune_find_function(const char *name);
int dune_kernel_functions_init(void);

#endif /* DUNE_KERNEL_FUNCTION_H */
