# Says to find_package whether this version will do: it must have the major number asked for, as the library's soname has, and not be older.
set(PACKAGE_VERSION "@version@")
set(PACKAGE_VERSION_EXACT FALSE)
set(PACKAGE_VERSION_COMPATIBLE FALSE)

if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
if(PACKAGE_FIND_VERSION_MAJOR EQUAL @major@ AND PACKAGE_VERSION VERSION_GREATER_EQUAL PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()

# Of a range (1.0...<1.4) PACKAGE_FIND_VERSION is the lower end.
if(DEFINED PACKAGE_FIND_VERSION_RANGE)
  if(PACKAGE_VERSION VERSION_GREATER PACKAGE_FIND_VERSION_MAX OR
      (PACKAGE_FIND_VERSION_RANGE_MAX STREQUAL "EXCLUDE" AND PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION_MAX))
    set(PACKAGE_VERSION_COMPATIBLE FALSE)
  endif()
endif()

# No version will do for a project of another word size. Projects without a compiled language have none.
if(CMAKE_SIZEOF_VOID_P)
  math(EXPR bits "8 * ${CMAKE_SIZEOF_VOID_P}")
  if(NOT bits EQUAL @bits@)
    set(PACKAGE_VERSION "${PACKAGE_VERSION} (@bits@ bits)")
    set(PACKAGE_VERSION_UNSUITABLE TRUE)
  endif()
  unset(bits)
endif()
