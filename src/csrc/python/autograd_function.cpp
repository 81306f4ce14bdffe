// autograd.Function: ops whose forward and backward are written in Python. `ctx`, the object that both
// see, is the grad_fn object of the outputs as well; a FunctionNode in the graph owns it.

#include "autograd/state.h"
#include "python/autograd.h"
#include "python/autograd_hooks.h"
#include "python/members.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

class FunctionNode;

struct Context {
  PyObject ob_base;
  PyObject* dict;
  PyObject* weaklist;
  FunctionNode* node;  // null before the call is recorded and after the graph is gone
  PyObject* needs_input_grad;
  PyObject* to_save;
  PyObject* dirty;
  PyObject* non_differentiable;
  PyObject* saved_for_forward;
  std::vector<SavedTensor> saved;
  bool materialize_grads;
  bool freed;
  // While the object has Python references it owns the node, else the node owns it.
  bool owns_node;
};

PyTypeObject* function_base = nullptr;

Context* as(PyObject* o) { return reinterpret_cast<Context*>(o); }

class FunctionNode final : public Node {
 public:
  explicit FunctionNode(PyObject* ctx) : Node(Py_TYPE(ctx)->tp_name), ctx_(Py_NewRef(ctx)) {
    python = ctx;
    as(ctx)->node = this;
  }
  ~FunctionNode() override {
    if (ctx_ == nullptr || !Py_IsInitialized()) return;
    GilAcquire gil;
    as(ctx_)->node = nullptr;
    as(ctx_)->freed = true;
    std::vector<SavedTensor> saved = std::move(as(ctx_)->saved);
    Py_DECREF(ctx_);
  }
  void forget_ctx() { ctx_ = nullptr; }

  void add_input(PyObject* arg) {
    bool tensor = is_tensor(arg);
    is_tensor_input_.push_back(tensor);
    if (tensor) edges_.push_back(gradient_edge(unwrap(arg)));
  }
  void finish_inputs() {
    TL_CHECK(edges_.size() < 65536, name(), ": a Function takes at most 65535 tensors");
    edges = edges_.data();
    num_edges = uint16_t(edges_.size());
  }
  void set_outputs(size_t count) {
    TL_CHECK(count < 65536, name(), ": a Function gives at most 65535 values");
    num_inputs = uint16_t(count);
    if (count > 1) more_buffers = new Tensor[count - 1];
    is_tensor_output_.resize(count);
  }
  void set_output(size_t i, const Tensor& t) {
    set_meta(uint32_t(i), num_inputs, t);
    is_tensor_output_[i] = 1;
  }

  bool runs_without_gradients() const override { return true; }
  std::span<SavedTensor> saved() override { return as(ctx_)->saved; }
  void release_saved() override {
    InterpreterSection section;
    Node::release_saved();
    as(ctx_)->freed = true;
  }
  void apply(Tensor* grads, Tensor* out) override;

 private:
  void take_results(PyObject* result, Tensor* out);
  PyObject* ctx_;
  std::vector<Edge> edges_;
  std::vector<uint8_t> is_tensor_input_, is_tensor_output_;
};

struct Names {
#define TL_NAME(n) PyObject* n = PyUnicode_InternFromString(#n)
  TL_NAME(forward);
  TL_NAME(backward);
  TL_NAME(vjp);
  TL_NAME(setup_context);
  TL_NAME(_backward_cls);
  TL_NAME(_forward_cls);
  TL_NAME(_has_setup_context);
#undef TL_NAME
};
const Names& names() {
  static const Names* n = new Names;
  return *n;
}
// Function.backward and Function.vjp themselves, which say that the user gave none.
PyObject* default_backward = nullptr;
PyObject* default_vjp = nullptr;

Object user_backward(PyObject* ctx) {
  Object cls = check(PyObject_GetAttr(ctx, names()._forward_cls));
  Object backward = check(PyObject_GetAttr(cls.get(), names().backward));
  Object vjp = check(PyObject_GetAttr(cls.get(), names().vjp));
  if (vjp.get() == default_vjp) return backward;
  TL_CHECK(
      backward.get() == default_backward,
      "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of "
      "them.");
  return vjp;
}

void FunctionNode::apply(Tensor* grads, Tensor* out) {
  in_python([&] {
    Object backward = user_backward(ctx_);
    std::vector<PyObject*> args(num_inputs + 1u);
    std::vector<Object> held;
    held.reserve(num_inputs);
    args[0] = ctx_;
    for (uint32_t i = 0; i < num_inputs; ++i) {
      if (!grads[i].defined() && as(ctx_)->materialize_grads && is_tensor_output_[i]) {
        grads[i] = graph_ops.zeros(meta(i).sizes(), meta(i).dtype);
      }
      held.push_back(check(wrap(std::move(grads[i]))));
      args[i + 1] = held.back().get();
    }
    Object result = check(PyObject_Vectorcall(backward.get(), args.data(), args.size(), nullptr));
    held.clear();
    take_results(result.get(), out);
  });
}

// What backward returned: one gradient for each argument of forward; Nones too many do not matter.
void FunctionNode::take_results(PyObject* result, Tensor* out) {
  bool tuple = PyTuple_Check(result);
  size_t given = tuple ? size_t(PyTuple_GET_SIZE(result)) : 1, expected = is_tensor_input_.size();
  auto item = [&](size_t i) { return tuple ? PyTuple_GET_ITEM(result, Py_ssize_t(i)) : result; };
  size_t used = given;
  while (used > expected && item(used - 1) == Py_None) --used;
  TL_CHECK(used == expected, "function ", name(), " returned an incorrect number of gradients (expected ", expected,
           ", got ", given, ")");
  size_t edge = 0;
  for (size_t i = 0; i < expected; ++i) {
    PyObject* grad = item(i);
    if (!is_tensor_input_[i]) {
      TL_CHECK(grad == Py_None, "function ", name(), " returned a gradient different than None at position ", i + 1,
               ", but the corresponding forward input was not a Variable");
      continue;
    }
    if (grad != Py_None) {
      TL_CHECK(is_tensor(grad), "expected Variable or None (got ", Py_TYPE(grad)->tp_name, ")");
      out[edge] = unwrap(grad);
    }
    ++edge;
  }
}

// --- forward -----------------------------------------------------------------------------------

bool contains(PyObject* tuple, PyObject* o) {
  for (Py_ssize_t i = 0; tuple != nullptr && i < PyTuple_GET_SIZE(tuple); ++i) {
    if (PyTuple_GET_ITEM(tuple, i) == o) return true;
  }
  return false;
}

// Another tensor with the same data: what an input that is returned as it is becomes.
Tensor as_view(const Tensor& t) {
  NoGradGuard no_grad;
  Tensor v = alias(t);
  make_view(v, t);
  return v;
}

struct Call {
  PyObject* const* args;
  Py_ssize_t nargs;
  Context* ctx;
  NodePtr node;  // null where nothing is recorded
  size_t tensor_outputs = 0;

  bool is_input(PyObject* o) const {
    for (Py_ssize_t i = 0; i < nargs; ++i) {
      if (args[i] == o) return true;
    }
    return false;
  }
  // Which edge of the node leads to the history of argument `o`.
  uint32_t edge_of(PyObject* o) const {
    uint32_t edge = 0;
    for (Py_ssize_t i = 0; i < nargs && args[i] != o; ++i) edge += is_tensor(args[i]);
    return edge;
  }
  Object output(PyObject* o, size_t i);
  void check_dirty(PyObject* outputs) const;
};

void Call::check_dirty(PyObject* outputs) const {
  for (Py_ssize_t i = 0; ctx->dirty != nullptr && i < PyTuple_GET_SIZE(ctx->dirty); ++i) {
    PyObject* o = PyTuple_GET_ITEM(ctx->dirty, i);
    TL_CHECK(is_tensor(o), "mark_dirty can only accept variables, but argument ", i, " is of type ",
             Py_TYPE(o)->tp_name);
    unwrap(o).bump_version();
    if (!is_input(o)) {
      warn(
          "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should "
          "be passed to ctx.mark_dirty().");
    }
    TL_CHECK(contains(outputs, o),
             "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
             "modified inplace must all be outputs of the Function.");
  }
  for (Py_ssize_t i = 0; ctx->non_differentiable != nullptr && i < PyTuple_GET_SIZE(ctx->non_differentiable); ++i) {
    PyObject* o = PyTuple_GET_ITEM(ctx->non_differentiable, i);
    TL_CHECK(is_tensor(o), "mark_non_differentiable only accepts variable arguments, but got ", Py_TYPE(o)->tp_name);
  }
}

// Output i of forward as the caller gets it: with its history.
Object Call::output(PyObject* o, size_t i) {
  if (!is_tensor(o)) return Object::borrow(o);
  Tensor t = unwrap(o);
  bool input = is_input(o), modified = contains(ctx->dirty, o);
  bool differentiable = node && is_differentiable(t.dtype()) && !contains(ctx->non_differentiable, o);
  Tensor result = t;
  if (!differentiable) {
    if (!requires_grad(t)) {
      if (input && !modified) result = as_view(t);
    } else if (input) {
      result = detach(t);
    } else if (!t.is_view()) {
      detach_(t);
    }
  } else if (modified && input) {
    TL_CHECK(!(t.is_view() && t->view_kind != ViewKind::none && tensor_outputs > 1),
             "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return "
             "more than one Tensor. This is not supported by the current autograd engine. You should either make sure "
             "the input is not a view (using .clone() for example) or make your Function only return one Tensor "
             "(potentially splitting it into two Functions: one doing the inplace that returns a single Tensor and a "
             "second one that does the other operations).");
    TL_CHECK(t->grad_fn != nullptr || !requires_grad(t),
             "a leaf Variable that requires grad has been used in an in-place operation.");
    check_inplace(t, node->name().c_str());
    if (t->autograd != nullptr) store_grad(t, {});
    rebase_history(t, node, uint32_t(i), edge_of(o));
  } else {
    if (input) result = as_view(t);
    set_history(result, node, uint32_t(i));
  }
  if (differentiable && result.is_view() && result->view_kind != ViewKind::none) {
    if (tensor_outputs > 1) {
      result->view_kind = ViewKind::multi_output;
    } else if (!modified) {
      result->view_kind = ViewKind::custom_function;
    }
    result->attr_version = result.version();
  }
  if (node) static_cast<FunctionNode*>(node.get())->set_output(i, result);
  return check(wrap(std::move(result)));
}

void save_tensors(Call& call) {
  Context* ctx = call.ctx;
  if (ctx->to_save != nullptr && call.node) {
    Py_ssize_t n = PyTuple_GET_SIZE(ctx->to_save);
    ctx->saved.reserve(size_t(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* o = PyTuple_GET_ITEM(ctx->to_save, i);
      if (o == Py_None) {
        ctx->saved.emplace_back();
        continue;
      }
      TL_CHECK_TYPE(is_tensor(o), "save_for_backward can only save variables, but argument ", i, " is of type ",
                    Py_TYPE(o)->tp_name);
      const Tensor& t = unwrap(o);
      bool is_output = raw_grad_fn(t) == call.node.get();
      ctx->saved.emplace_back(t, is_output, is_output ? t->output_nr : uint16_t(0), *call.node);
    }
  }
  Py_CLEAR(ctx->to_save);
}

// Runs forward (and setup_context) without recording; returns what it returned.
Object run_forward(PyObject* cls, PyObject* ctx, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                   bool has_setup_context) {
  NoGradGuard no_grad;
  Object forward = check(PyObject_GetAttr(cls, names().forward));
  if (has_setup_context) {
    Object output = check(PyObject_Vectorcall(forward.get(), args, size_t(nargs), nullptr));
    Object setup = check(PyObject_GetAttr(cls, names().setup_context));
    Object inputs = check(PyTuple_New(nargs));
    for (Py_ssize_t i = 0; i < nargs; ++i) PyTuple_SET_ITEM(inputs.get(), i, Py_NewRef(args[i]));
    check(PyObject_CallFunctionObjArgs(setup.get(), ctx, inputs.get(), output.get(), nullptr));
    return output;
  }
  Py_ssize_t total = nargs + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0);
  std::vector<PyObject*> all(size_t(total) + 1);
  all[0] = ctx;
  std::copy(args, args + total, all.begin() + 1);
  return check(PyObject_Vectorcall(forward.get(), all.data(), size_t(nargs) + 1, kwnames));
}

// Where the context is set up apart from forward it sees all arguments, defaults included. Returns
// them, or nothing where the call gives them all.
Object bind_defaults(PyObject* cls, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  Object forward = check(PyObject_GetAttr(cls, names().forward));
  if (kwnames == nullptr && PyFunction_Check(forward.get())) {
    auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(forward.get()));
    if (code->co_argcount == nargs && code->co_kwonlyargcount == 0 &&
        !(code->co_flags & (CO_VARARGS | CO_VARKEYWORDS))) {
      return {};
    }
  }
  Object module = check(PyImport_ImportModule("tensorlite.autograd.function"));
  Object bind = check(PyObject_GetAttrString(module.get(), "_bind_default_args"));
  Py_ssize_t total = nargs + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0);
  std::vector<PyObject*> all(size_t(total) + 1);
  all[0] = forward.get();
  std::copy(args, args + total, all.begin() + 1);
  Object bound = check(PyObject_Vectorcall(bind.get(), all.data(), size_t(nargs) + 1, kwnames));
  TL_CHECK_TYPE(PyTuple_Check(bound.get()), "Function.apply: arguments must bind to a tuple");
  return bound;
}

// Function.apply(*args), a class method.
PyObject* apply(PyObject* cls, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    Object backward_cls = check(PyObject_GetAttr(cls, names()._backward_cls));
    Object flag = check(PyObject_GetAttr(cls, names()._has_setup_context));
    auto* type = reinterpret_cast<PyTypeObject*>(backward_cls.get());
    TL_CHECK_TYPE(PyType_Check(backward_cls.get()) && PyType_IsSubtype(type, function_base),
                  "Function.apply: _backward_cls must derive from _FunctionBase");
    bool has_setup_context = flag.get() == Py_True;
    Object bound;
    if (has_setup_context && (bound = bind_defaults(cls, args, nargs, kwnames))) {
      args = PySequence_Fast_ITEMS(bound.get());
      nargs = PyTuple_GET_SIZE(bound.get());
      kwnames = nullptr;
    }
    Object ctx_object = check(type->tp_new(type, nullptr, nullptr));
    Context* ctx = as(ctx_object.get());
    Call call{args, nargs, ctx, {}};

    bool recorded = false;
    ctx->needs_input_grad = check(PyTuple_New(nargs)).release();
    for (Py_ssize_t i = 0; i < nargs; ++i) {
      bool needs = is_tensor(args[i]) && requires_grad(unwrap(args[i]));
      recorded = recorded || needs;
      PyTuple_SET_ITEM(ctx->needs_input_grad, i, Py_NewRef(needs ? Py_True : Py_False));
    }
    if (recorded && grad_state.grad_enabled) {
      auto* node = new FunctionNode(ctx_object.get());
      call.node = NodePtr::adopt(node);
      for (Py_ssize_t i = 0; i < nargs; ++i) node->add_input(args[i]);
      node->finish_inputs();
    }

    Object raw = run_forward(cls, ctx_object.get(), args, nargs, kwnames, has_setup_context);
    bool is_tuple = PyTuple_Check(raw.get());
    Object outputs = is_tuple ? Object::borrow(raw.get()) : check(PyTuple_Pack(1, raw.get()));
    auto count = size_t(PyTuple_GET_SIZE(outputs.get()));
    call.check_dirty(outputs.get());
    for (size_t i = 0; i < count; ++i) {
      PyObject* o = PyTuple_GET_ITEM(outputs.get(), Py_ssize_t(i));
      call.tensor_outputs +=
          is_tensor(o) && is_differentiable(unwrap(o).dtype()) && !contains(ctx->non_differentiable, o);
    }
    if (call.node) static_cast<FunctionNode*>(call.node.get())->set_outputs(count);
    Object result = check(PyTuple_New(Py_ssize_t(count)));
    for (size_t i = 0; i < count; ++i) {
      Object o = call.output(PyTuple_GET_ITEM(outputs.get(), Py_ssize_t(i)), i);
      PyTuple_SET_ITEM(result.get(), Py_ssize_t(i), o.release());
    }
    save_tensors(call);
    Py_CLEAR(ctx->dirty);
    Py_CLEAR(ctx->non_differentiable);
    if (is_tuple) return result.release();
    return Py_NewRef(PyTuple_GET_ITEM(result.get(), 0));
  });
}

// --- the ctx object ----------------------------------------------------------------------------

PyObject* context_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* o = type->tp_alloc(type, 0);
  if (o == nullptr) return nullptr;
  new (&as(o)->saved) std::vector<SavedTensor>;
  as(o)->materialize_grads = true;
  return o;
}
int context_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Context* c = as(o);
  Py_VISIT(c->dict);
  Py_VISIT(c->needs_input_grad);
  Py_VISIT(c->to_save);
  Py_VISIT(c->dirty);
  Py_VISIT(c->non_differentiable);
  Py_VISIT(c->saved_for_forward);
  return 0;
}
int context_clear(PyObject* o) {
  Context* c = as(o);
  Py_CLEAR(c->dict);
  Py_CLEAR(c->needs_input_grad);
  Py_CLEAR(c->to_save);
  Py_CLEAR(c->dirty);
  Py_CLEAR(c->non_differentiable);
  Py_CLEAR(c->saved_for_forward);
  return 0;
}
void context_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Context* c = as(o);
  if (c->owns_node) {
    c->owns_node = false;
    NodePtr node = NodePtr::adopt(c->node);
    if (node->refs.count() > 1) {
      Py_SET_REFCNT(o, 1);  // the node's
      return;
    }
    c->node->forget_ctx();
  }
  PyObject_GC_UnTrack(o);
  if (as(o)->weaklist != nullptr) PyObject_ClearWeakRefs(o);
  context_clear(o);
  as(o)->saved.~vector();
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* get_saved_tensors(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Context* c = as(self);
    TL_CHECK(
        !c->freed,
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
        "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
        "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
        "saved tensors after calling backward.");
    Object tuple = check(PyTuple_New(Py_ssize_t(c->saved.size())));
    for (size_t i = 0; i < c->saved.size(); ++i) {
      Tensor t = c->saved[i].defined() ? c->saved[i].unpack(*c->node, true) : Tensor();
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), check(wrap(std::move(t))).release());
    }
    return tuple.release();
  });
}
PyObject* get_raw_saved_tensors(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Context* c = as(self);
    Object tuple = check(PyTuple_New(Py_ssize_t(c->saved.size())));
    for (size_t i = 0; i < c->saved.size(); ++i) {
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), wrap_saved(NodePtr::borrow(c->node), i).release());
    }
    return tuple.release();
  });
}
PyObject* get_saved_variables(PyObject* self, void*) {
  if (PyErr_WarnEx(PyExc_DeprecationWarning, "'saved_variables' is deprecated; use 'saved_tensors'", 1) < 0)
    return nullptr;
  return get_saved_tensors(self, nullptr);
}

// A slot that holds a tuple, or None.
template <PyObject* Context::* slot>
PyObject* get_slot(PyObject* self, void*) {
  PyObject* o = as(self)->*slot;
  return Py_NewRef(o == nullptr ? Py_None : o);
}
template <PyObject* Context::* slot>
int put_slot(PyObject* self, PyObject* value, void*) {
  PyObject* fresh = nullptr;
  if (value != nullptr && value != Py_None && (fresh = PySequence_Tuple(value)) == nullptr) return -1;
  Py_XSETREF(as(self)->*slot, fresh);
  return 0;
}
PyObject* get_materialize(PyObject* self, void*) { return PyBool_FromLong(as(self)->materialize_grads); }
int put_materialize(PyObject* self, PyObject* value, void*) {
  if (value == nullptr || !PyBool_Check(value)) {
    PyErr_SetString(PyExc_TypeError, "ctx.set_materialize_grads: a bool is due");
    return -1;
  }
  as(self)->materialize_grads = value == Py_True;
  return 0;
}
PyObject* get_dict(PyObject* self, void*) {
  if (as(self)->dict == nullptr && (as(self)->dict = PyDict_New()) == nullptr) return nullptr;
  return Py_NewRef(as(self)->dict);
}
PyGetSetDef getset[] = {{"saved_tensors", get_saved_tensors, nullptr, "What save_for_backward kept.", nullptr},
                        {"saved_variables", get_saved_variables, nullptr, "The old name of saved_tensors.", nullptr},
                        {"_raw_saved_tensors", get_raw_saved_tensors, nullptr, nullptr, nullptr},
                        {"needs_input_grad", get_slot<&Context::needs_input_grad>, put_slot<&Context::needs_input_grad>,
                         "For each argument of forward, whether it requires grad.", nullptr},
                        {"to_save", get_slot<&Context::to_save>, put_slot<&Context::to_save>, nullptr, nullptr},
                        {"dirty_tensors", get_slot<&Context::dirty>, put_slot<&Context::dirty>, nullptr, nullptr},
                        {"non_differentiable", get_slot<&Context::non_differentiable>,
                         put_slot<&Context::non_differentiable>, nullptr, nullptr},
                        {"saved_for_forward", get_slot<&Context::saved_for_forward>,
                         put_slot<&Context::saved_for_forward>, nullptr, nullptr},
                        {"materialize_grads", get_materialize, put_materialize, nullptr, nullptr},
                        {"__dict__", get_dict, nullptr, nullptr, nullptr},
                        {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(Context, dict), READONLY, nullptr},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(Context, weaklist), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};
PyMethodDef methods[] = {{"apply", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(apply)),
                          METH_FASTCALL | METH_KEYWORDS | METH_CLASS,
                          "apply(*args)\n\nRuns the function, recording it where an input requires grad."},
                         {nullptr, nullptr, 0, nullptr}};

// _set_function_defaults(backward, vjp)
PyObject* set_defaults(PyObject*, PyObject* args) {
  PyObject *backward, *vjp;
  if (!PyArg_ParseTuple(args, "OO", &backward, &vjp)) return nullptr;
  Py_XSETREF(default_backward, Py_NewRef(backward));
  Py_XSETREF(default_vjp, Py_NewRef(vjp));
  Py_RETURN_NONE;
}
PyMethodDef functions[] = {{"_set_function_defaults", set_defaults, METH_VARARGS, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

Node* function_node(PyObject* o) {
  return PyObject_TypeCheck(o, function_base) ? static_cast<Node*>(as(o)->node) : nullptr;
}
bool is_function_ctx(PyObject* o) { return PyObject_TypeCheck(o, function_base); }
PyObject* wrap_function_node(Node& node) {
  auto* ctx = static_cast<PyObject*>(node.python);
  if (as(ctx)->owns_node) return Py_NewRef(ctx);
  node.refs.retain();
  as(ctx)->owns_node = true;
  return ctx;  // with the reference that was the node's
}

void register_function(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(context_new)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(context_dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(context_traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(context_clear)},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, getset},
                         {Py_tp_members, members},
                         {0, nullptr}};
  PyType_Spec spec = {"tensorlite._C._FunctionBase", sizeof(Context), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  function_base = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  add_node_attributes(function_base);
  check(PyModule_AddObjectRef(module, "_FunctionBase", reinterpret_cast<PyObject*>(function_base)));
  check(PyModule_AddFunctions(module, functions));
}

}  // namespace tl::python
