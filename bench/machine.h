/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MACHINE_H
#define MACHINE_H

/**
 * print_machine() - print what is measured on, as a JSON object on a line
 *
 * CPU, kernel, hypervisor if this is a virtual machine, the module's
 * parameters. What is not known is empty.
 */
void print_machine(void);

#endif /* MACHINE_H */
