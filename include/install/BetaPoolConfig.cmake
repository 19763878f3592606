# find_package(BetaPool) makes the target BetaPool::BetaPool: the shared library and the folder of its header.
# Both are found from this file's place, so that the tree may be moved. Links are followed first: a file in /lib is really in /usr/lib,
# and the way up from there ends elsewhere.
get_filename_component(BetaPool_HERE "${CMAKE_CURRENT_LIST_DIR}" REALPATH)
get_filename_component(BetaPool_LIBRARY "${BetaPool_HERE}/../../libbetapool.so.@version@" ABSOLUTE)
get_filename_component(BetaPool_INCLUDE_DIR "@cmake_includedir@" ABSOLUTE)

foreach(BetaPool_FILE "${BetaPool_LIBRARY}" "${BetaPool_INCLUDE_DIR}/betapool.h")
  if(NOT EXISTS "${BetaPool_FILE}")
    set(BetaPool_FOUND FALSE)
    set(BetaPool_NOT_FOUND_MESSAGE "${BetaPool_FILE} is missing: install BetaPool again")
    return()
  endif()
endforeach()

if(NOT TARGET BetaPool::BetaPool)
  add_library(BetaPool::BetaPool SHARED IMPORTED)
  set_target_properties(BetaPool::BetaPool PROPERTIES
    IMPORTED_LOCATION "${BetaPool_LIBRARY}"
    IMPORTED_SONAME "@soname@"
    INTERFACE_INCLUDE_DIRECTORIES "${BetaPool_INCLUDE_DIR}")
endif()
