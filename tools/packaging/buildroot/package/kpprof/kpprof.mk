# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tree that this file is in, unless KPPROF_OVERRIDE_SRCDIR says another one.

KPPROF_VERSION = 0.1
KPPROF_SITE = $(BR2_EXTERNAL_KPPROF_PATH)/../../..
KPPROF_SITE_METHOD = local
KPPROF_LICENSE = GPL-2.0+ (agent), GPL-2.0 (module)
KPPROF_LICENSE_FILES = COPYING
KPPROF_DEPENDENCIES = host-pkgconf binutils elfutils libcap-ng libmicrohttpd libmnl libseccomp xz zlib

define KPPROF_BUILD_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) $(TARGET_CONFIGURE_OPTS) all
endef

define KPPROF_INSTALL_TARGET_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) $(TARGET_CONFIGURE_OPTS) \
		DESTDIR=$(TARGET_DIR) PREFIX=/usr SYSCONFDIR=/etc install-bin install-conf
endef

define KPPROF_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(@D)/tools/packaging/sysv/kpprofd $(TARGET_DIR)/etc/init.d/S90kpprofd
endef

define KPPROF_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/tools/packaging/systemd/kpprofd.service \
		$(TARGET_DIR)/usr/lib/systemd/system/kpprofd.service
endef

ifeq ($(BR2_PACKAGE_KPPROF_MODULE),y)
$(eval $(kernel-module))
endif
$(eval $(generic-package))
