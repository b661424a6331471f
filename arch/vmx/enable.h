/* SPDX-License-Identifier: GPL-2.0-only */
/* VMX operation, on and off, CPU by CPU. */
#ifndef DUNE_VMX_ENABLE_H
#define DUNE_VMX_ENABLE_H

int vmx_setup(void);
void vmx_teardown(void);
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);

#endif /* DUNE_VMX_ENABLE_H */
