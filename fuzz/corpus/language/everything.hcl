# é
ha { required_version = ">= 0.1" }
variable "x" {
  type = object({ a = optional(number, 1), "b c" = list(string) }) /* two
  lines */
  default = { a = 1e3, "b c" = ["$${x}", "\u00e9\n", "%{ if true ~} y %{ else }${ "z" }%{ endif }"] }
  validation {
    condition     = var.x.a > 0
    error_message = "no"
  }
}
locals {
  a = [for k, v in var.x : "${k}-${v[0]}" if k != "a" && !false]
  b = { for v in local.a : v => v... }
  c = <<-EOT
    ${local.a[0]} %{ for it in local.a ~}
    ${it}
    %{ endfor }
  EOT
  d = local.a[*].b.*.c.0["x"] == null ? -1 : max(1, [2, 3]...) % 4
}
resource "aws_x" "y" {
  count = 2
  name  = "v-${count.index}" // c
  tags  = { (local.a[0]) = 1, b : 2 }
  dynamic "rule" {
    for_each = local.a
    content { port = rule.value }
  }
  lifecycle { ignore_changes = [name] }
}
output "o" { value = provider::a::b(aws_x.y[0].name) }
