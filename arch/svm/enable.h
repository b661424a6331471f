/* SPDX-License-Identifier: GPL-2.0-only */
/* EFER.SVME, on and off, CPU by CPU. */
#ifndef DUNE_SVM_ENABLE_H
#define DUNE_SVM_ENABLE_H

int svm_setup(void);
void svm_teardown(void);
int svm_cpu_enable(void);
void svm_cpu_disable(void);

#endif /* DUNE_SVM_ENABLE_H */
