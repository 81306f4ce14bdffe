// PyMemberDef and its constants, whose header does not include Python.h itself.
#pragma once

#include "python/object.h"
// The order matters.
#include <structmember.h>
