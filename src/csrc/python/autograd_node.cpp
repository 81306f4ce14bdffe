// grad_fn objects: one Python class for each kind of node, named as the node is.

#include <cstring>
#include <string>
#include <unordered_map>

#include "autograd/accumulate.h"
#include "autograd/state.h"
#include "core/inline_vector.h"
#include "python/autograd.h"
#include "python/autograd_hooks.h"
#include "python/members.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

struct PyNode {
  PyObject ob_base;
  NodePtr node;
  PyObject* weaklist;
};

PyTypeObject* node_base = nullptr;

PyNode* as(PyObject* o) { return reinterpret_cast<PyNode*>(o); }
Node& node_of(PyObject* o) {
  Node* node = unwrap_node(o);
  TL_CHECK(node != nullptr,
           "Attribute is invalid for this instance of _C._FunctionBase: it belongs to no graph. Accessing graph "
           "attributes on "
           "an instance of autograd.Function is a legacy access pattern; take them from the grad_fn of its outputs.");
  return *node;
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (as(self)->weaklist != nullptr) PyObject_ClearWeakRefs(self);
  as(self)->node->python = nullptr;
  as(self)->node.~NodePtr();
  type->tp_free(self);
  Py_DECREF(type);
}

// The Python objects that hang off a node itself.
int visit_own(Node& node, visitproc visit, void* arg) {
  if (node.python != nullptr && is_function_ctx(static_cast<PyObject*>(node.python))) {
    Py_VISIT(static_cast<PyObject*>(node.python));
  }
  if (node.extras == nullptr) return 0;
  auto visit_all = [&](auto& slots) {
    for (auto& slot : slots) {
      if (auto* dict = static_cast<PyObject*>(slot.hook->python())) Py_VISIT(dict);
    }
    return 0;
  };
  if (int rc = visit_all(node.extras->tensor_hooks)) return rc;
  if (int rc = visit_all(node.extras->pre_hooks)) return rc;
  return visit_all(node.extras->post_hooks);
}

// A node that only the caller's object keeps alive, and what it alone keeps alive: the saved tensors
// with Python objects that belong to them, and nodes below, a limited number so that a look at a tensor
// stays cheap. (A node that backward is running has further references, so a graph does not change
// while it is looked at.)
constexpr int nodes_visited = 200;
int visit_node(Node* node, visitproc visit, void* arg) {
  InlineVector<Node*, 32> found;
  found.push_back(node);
  for (int steps = 0; !found.empty() && steps < nodes_visited; ++steps) {
    Node* n = found.back();
    found.pop_back();
    if (n->refs.count() != 1 || n->is_accumulate) continue;
    if (int rc = visit_own(*n, visit, arg)) return rc;
    for (const SavedTensor& s : n->saved()) {
      const Tensor& t = s.raw();
      if (t.defined() && (t->flags & TensorImpl::owns_python) && t.use_count() == 1) {
        Py_VISIT(static_cast<PyObject*>(t->python));
      }
    }
    for (uint32_t e = 0; e < n->num_edges; ++e) {
      if (n->edges[e].node) found.push_back(n->edges[e].node.get());
    }
  }
  return 0;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Node* node = as(self)->node.get();
  return node != nullptr ? visit_node(node, visit, arg) : 0;
}

// --- what every node has -----------------------------------------------------------------------

// Nodes of no op (AccumulateGrad, CopySlices, NotImplemented) are named with PyTorch's namespace.
PyObject* get_name(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    // A ctx may outlive its node.
    if (is_function_ctx(self)) return PyUnicode_FromString(Py_TYPE(self)->tp_name);
    std::string name = node_of(self).name();
    size_t end = name.find_last_not_of("0123456789") + 1;
    bool is_op = end >= 8 && end < name.size() && name.compare(end - 8, 8, "Backward") == 0;
    if (!is_op) name = "torch::autograd::" + name;
    return PyUnicode_FromString(name.c_str());
  });
}
PyObject* get_sequence_nr(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* { return PyLong_FromUnsignedLongLong(node_of(self).sequence_nr); });
}
PyObject* set_sequence_nr(PyObject* self, PyObject* nr) {
  return guarded([&]() -> PyObject* {
    unsigned long long n = PyLong_AsUnsignedLongLong(nr);
    if (PyErr_Occurred()) return nullptr;
    node_of(self).sequence_nr = n;
    Py_RETURN_NONE;
  });
}
PyObject* get_requires_grad(PyObject*, void*) { Py_RETURN_TRUE; }

PyObject* get_next_functions(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Node& node = node_of(self);
    Object tuple = check(PyTuple_New(node.num_edges));
    for (uint32_t i = 0; i < node.num_edges; ++i) {
      Object next = check(wrap_node(node.edges[i].node.get()));
      PyTuple_SET_ITEM(tuple.get(), i, check(Py_BuildValue("(OI)", next.get(), node.edges[i].input_nr)).release());
    }
    return tuple.release();
  });
}

PyObject* get_metadata(PyObject* self, void*) {
  return guarded([&]() -> PyObject* { return metadata_dict(node_of(self)).release(); });
}

// _register_hook_dict(tensor): the tensor's dict of hooks runs on its gradient here.
PyObject* register_hook_dict(PyObject* self, PyObject* o) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = expect_tensor(o, "_register_hook_dict", "tensor");
    Object dict = check(PyObject_GetAttrString(o, "_backward_hooks"));
    node_of(self).get_extras().tensor_hooks.push_back({0, t->output_nr, std::make_shared<PyTensorHooks>(dict.get())});
    Py_RETURN_NONE;
  });
}

PyMethodDef methods[] = {
    {"name", get_name, METH_NOARGS, "The name of the node, such as 'AddBackward0'."},
    {"_sequence_nr", get_sequence_nr, METH_NOARGS,
     "Grows with each node made on a thread; backward runs the highest first."},
    {"_set_sequence_nr", set_sequence_nr, METH_O, nullptr},
    {"register_hook", node_register_hook, METH_O,
     "register_hook(fn)\n\n`fn(grad_inputs, grad_outputs)` runs after the node; what it returns replaces grad_inputs."},
    {"register_prehook", node_register_prehook, METH_O,
     "register_prehook(fn)\n\n`fn(grad_outputs)` runs before the node; what it returns replaces grad_outputs."},
    {"_register_hook_dict", register_hook_dict, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef getset[] = {
    {"next_functions", get_next_functions, nullptr, "(node, which of its outputs) for each input.", nullptr},
    {"requires_grad", get_requires_grad, nullptr, "True: a node exists where a gradient may be wanted.", nullptr},
    {"metadata", get_metadata, nullptr, "A dict for notes about the node; anomaly mode keeps its trace there.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyNode, weaklist), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

// --- classes -----------------------------------------------------------------------------------

PyObject* get_variable(PyObject* self, void*) {
  return guarded([&]() -> PyObject* { return wrap(static_cast<AccumulateGrad&>(node_of(self)).variable()); });
}
PyGetSetDef accumulate_getset[] = {{"variable", get_variable, nullptr, "The leaf.", nullptr},
                                   {nullptr, nullptr, nullptr, nullptr, nullptr}};

// _saved_x: the closure is the position, and for the last name the rest of them, if there are more.
PyObject* get_saved(PyObject* self, void* closure) {
  return guarded([&]() -> PyObject* {
    Node& node = node_of(self);
    auto saved = node.saved();
    size_t index = reinterpret_cast<uintptr_t>(closure) >> 1;
    bool is_last = reinterpret_cast<uintptr_t>(closure) & 1;
    if (!is_last || index + 1 >= saved.size()) return wrap(saved[index].unpack(node, true));
    Object tuple = check(PyTuple_New(Py_ssize_t(saved.size() - index)));
    for (size_t i = index; i < saved.size(); ++i) {
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i - index), check(wrap(saved[i].unpack(node, true))).release());
    }
    return tuple.release();
  });
}

PyObject* get_raw_saved(PyObject* self, void* closure) {
  return guarded([&]() -> PyObject* {
    NodePtr node = NodePtr::borrow(&node_of(self));
    size_t count = node->saved().size(), index = reinterpret_cast<uintptr_t>(closure) >> 1;
    bool is_last = reinterpret_cast<uintptr_t>(closure) & 1;
    if (!is_last || index + 1 >= count) return wrap_saved(node, index).release();
    Object tuple = check(PyTuple_New(Py_ssize_t(count - index)));
    for (size_t i = index; i < count; ++i) {
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i - index), wrap_saved(node, i).release());
    }
    return tuple.release();
  });
}

PyGetSetDef* saved_getset(const char* label) {
  const char* colon = std::strchr(label, ':');
  if (colon == nullptr) return nullptr;
  auto* defs = new std::vector<PyGetSetDef>;
  uintptr_t index = 0;
  for (const char* p = colon + 1; *p != 0;) {
    const char* end = std::strchr(p, ',');
    size_t n = end != nullptr ? size_t(end - p) : std::strlen(p);
    auto* name = new std::string("_saved_" + std::string(p, n));
    auto* raw_name = new std::string("_raw_saved_" + std::string(p, n));
    void* closure = reinterpret_cast<void*>(index++ << 1 | (end == nullptr));
    defs->push_back({name->c_str(), get_saved, nullptr, nullptr, closure});
    defs->push_back({raw_name->c_str(), get_raw_saved, nullptr, nullptr, closure});
    p += n + (end != nullptr ? 1 : 0);
  }
  defs->push_back({nullptr, nullptr, nullptr, nullptr, nullptr});
  return defs->data();
}

// Classes live as long as the process, keyed by the label's address (a literal).
PyTypeObject* class_of(Node& node) {
  static std::unordered_map<const void*, PyTypeObject*> classes;
  PyTypeObject*& type = classes[node.label];
  if (type == nullptr) {
    auto* name = new std::string("builtins." + node.name());
    PyGetSetDef* own = node.is_accumulate ? accumulate_getset : saved_getset(node.label);
    PyType_Slot slots[] = {{own != nullptr ? Py_tp_getset : 0, own}, {0, nullptr}};
    PyType_Spec spec = {name->c_str(), sizeof(PyNode), 0, Py_TPFLAGS_DEFAULT, slots};  // the rest from the base
    Object bases = check(PyTuple_Pack(1, node_base));
    type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpecWithBases(&spec, bases.get())).release());
    type->tp_name += std::strlen("builtins.");
  }
  return type;
}

}  // namespace

PyObject* wrap_node(Node* node) {
  if (node == nullptr) Py_RETURN_NONE;
  return guarded([&]() -> PyObject* {
    if (node->python != nullptr) {
      auto* o = static_cast<PyObject*>(node->python);
      return is_function_ctx(o) ? wrap_function_node(*node) : Py_NewRef(o);
    }
    PyTypeObject* type = class_of(*node);
    PyObject* o = check(type->tp_alloc(type, 0)).release();
    new (&as(o)->node) NodePtr(NodePtr::borrow(node));
    node->python = o;
    return o;
  });
}

Object metadata_dict(Node& node) {
  NodeExtras& extras = node.get_extras();
  if (!extras.python_metadata) {
    extras.python_metadata = std::shared_ptr<void>(check(PyDict_New()).release(),
                                                   [](void* dict) { drop_reference(static_cast<PyObject*>(dict)); });
  }
  return Object::borrow(static_cast<PyObject*>(extras.python_metadata.get()));
}

Node* unwrap_node(PyObject* o) {
  return PyObject_TypeCheck(o, node_base) ? as(o)->node.get() : is_function_ctx(o) ? function_node(o) : nullptr;
}

void add_node_attributes(PyTypeObject* type) {
  for (PyGetSetDef* d = getset; d->name != nullptr; ++d) {
    check(PyDict_SetItemString(type->tp_dict, d->name, check(PyDescr_NewGetSet(type, d)).get()));
  }
  for (PyMethodDef* d = methods; d->ml_name != nullptr; ++d) {
    check(PyDict_SetItemString(type->tp_dict, d->ml_name, check(PyDescr_NewMethod(type, d)).get()));
  }
  PyType_Modified(type);
}

int traverse_autograd(const Tensor& t, visitproc visit, void* arg) {
  if (AutogradState* state = t->autograd) {
    for (auto& slot : state->leaf_hooks) {
      if (auto* dict = static_cast<PyObject*>(slot.hook->python())) Py_VISIT(dict);
    }
    for (auto& slot : state->accumulate_hooks) {
      if (auto* dict = static_cast<PyObject*>(slot.hook->python())) Py_VISIT(dict);
    }
  }
  Node* node = raw_grad_fn(t);
  return node != nullptr ? visit_node(node, visit, arg) : 0;
}

void clear_autograd(const Tensor& t) {
  if (AutogradState* state = t->autograd) {
    auto leaf = std::move(state->leaf_hooks);
    auto accumulate = std::move(state->accumulate_hooks);
  }
  // What is collected loses its history, and with it the graph below.
  Node* node = raw_grad_fn(t);
  if (node == nullptr || node->refs.count() != 1) return;
  t->grad_fn = nullptr;
  Node::release(node);
}

void register_nodes(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, getset},
                         {Py_tp_members, members},
                         {0, nullptr}};
  PyType_Spec spec = {"tensorlite._C._NodeBase", sizeof(PyNode), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                      slots};
  node_base = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  check(PyModule_AddObjectRef(module, "_NodeBase", reinterpret_cast<PyObject*>(node_base)));
}

}  // namespace tl::python
