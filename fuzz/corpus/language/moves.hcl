moved {
  from = aws_x.a["k"]
  to   = module.m.aws_x.b
}
removed {
  from = aws_x.c
  lifecycle {
    destroy = false
  }
}
import {
  for_each = { a = "1" }
  to       = aws_x.d[each.key]
  id       = each.value
}
check "up" {
  data "aws_x" "e" {}
  assert {
    condition     = data.aws_x.e.ok
    error_message = "down"
  }
}
function "twice" {
  params = [x]
  result = x * 2
}
module "m" {
  source    = "./m"
  providers = { aws = aws.west }
}
provider "aws" {
  alias = "west"
}
