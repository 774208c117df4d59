/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kpprofctl doctor: what this kernel lacks, and what that costs. */
#ifndef KPPROF_CTL_DOCTOR_H
#define KPPROF_CTL_DOCTOR_H

/**
 * ctl_doctor() - look for all that the agent uses, by using it, and print a line for each
 *
 * Nothing is armed; the module is loaded if it can be. Return: 0, or -ENOSYS when something is
 * missing without which no profile can be taken.
 */
int ctl_doctor(void);

#endif /* KPPROF_CTL_DOCTOR_H */
