/* SPDX-License-Identifier: GPL-2.0-only */
/* What the stage of an attack is made of. */
#ifndef DUNE_SELFTESTS_ATTACK_STAGE_H
#define DUNE_SELFTESTS_ATTACK_STAGE_H

#include "attack.h"

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

/* Where it is; and what has come to harm, or NULL. */
extern const char *folder, *harm;

void die(const char *what);
const char *in_folder(const char *name);

/* attack_stage_files.c */
void make_folders(void);
void make_files(void);
void make_programs(void);
void remember_files(void);
void check_files(void);
void tidy(void);

/* attack_stage_others.c */
extern pid_t victim;
extern int shared_id;

void make_sockets(void);
void make_victim(void);
void check_victim(void);
void check_sockets(void);

/* attack_stage_maps.c */
extern const char *const of_supervisor;

void remember_maps(pid_t pid);
void check_maps(void);
void tell_targets(FILE *to);

#endif /* DUNE_SELFTESTS_ATTACK_STAGE_H */
