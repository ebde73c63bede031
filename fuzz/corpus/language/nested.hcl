locals {
  a = "${"${"x"}"}"
  b = <<E
a ${<<F
b
F
} c
E
  c = a ? b : c ? d : e
}
